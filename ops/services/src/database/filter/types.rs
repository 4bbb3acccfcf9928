//! The types that `$type` knows.

use crate::database::error::DatabaseError;
use crate::database::value::Value;

/// A type that `$type` can ask for and that JSON has.
///
/// JSON has one type of numbers. Asked for in MongoDB's finer terms, a number that is whole is an `int` if it fits
/// into 32 bits and else a `long` if it fits into 64; every other one is a `double`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Any number.
    Number,
    /// A number that is not whole, or too large for a `long`.
    Double,
    /// Text.
    String,
    /// An object.
    Object,
    /// An array.
    Array,
    /// `true` or `false`.
    Bool,
    /// `null`, but not a missing field.
    Null,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits that is not an [`Type::Int`].
    Long,
    /// A type of BSON that no JSON value has.
    Absent,
}

/// Each type with its name and its number in BSON.
const TYPES: [(Type, &str, i32); 22] = [
    (Type::Double, "double", 1),
    (Type::String, "string", 2),
    (Type::Object, "object", 3),
    (Type::Array, "array", 4),
    (Type::Absent, "binData", 5),
    (Type::Absent, "undefined", 6),
    (Type::Absent, "objectId", 7),
    (Type::Bool, "bool", 8),
    (Type::Absent, "date", 9),
    (Type::Null, "null", 10),
    (Type::Absent, "regex", 11),
    (Type::Absent, "dbPointer", 12),
    (Type::Absent, "javascript", 13),
    (Type::Absent, "symbol", 14),
    (Type::Absent, "javascriptWithScope", 15),
    (Type::Int, "int", 16),
    (Type::Absent, "timestamp", 17),
    (Type::Long, "long", 18),
    (Type::Absent, "decimal", 19),
    (Type::Absent, "minKey", -1),
    (Type::Absent, "maxKey", 127),
    (Type::Number, "number", 0),
];

/// A choice of types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Types(Vec<Type>);

impl Types {
    /// Reads the operand of `$type`: a name, a number or an array of them.
    pub(super) fn parse(operand: &Value) -> Result<Self, DatabaseError> {
        match operand {
            Value::Array(items) if items.is_empty() => {
                Err(DatabaseError::FilterInvalid("$type needs at least one type".to_owned()))
            }
            Value::Array(items) => items.iter().map(Type::parse).collect::<Result<_, _>>().map(Self),
            other => Ok(Self(vec![Type::parse(other)?])),
        }
    }

    /// Whether a value is of one of these types.
    pub fn contain(&self, value: &Value) -> bool {
        self.0.iter().any(|kind| kind.contains(value))
    }

    /// The types.
    pub fn iter(&self) -> impl Iterator<Item = Type> {
        self.0.iter().copied()
    }
}

impl Type {
    fn parse(operand: &Value) -> Result<Self, DatabaseError> {
        match operand {
            Value::String(name) => match TYPES.iter().find(|(_, known, _)| known == name) {
                Some((kind, ..)) => Ok(*kind),
                None => Err(DatabaseError::unknown_operator("name of a type", name, &TYPES.map(|(_, known, _)| known))),
            },
            Value::Number(code) => TYPES
                .iter()
                .find(|(kind, _, known)| f64::from(*known) == *code && *kind != Type::Number)
                .map(|(kind, ..)| *kind)
                .ok_or_else(|| DatabaseError::FilterInvalid(format!("$type has no type with the number {code}"))),
            other => {
                let reason = format!("$type needs the name or the number of a type, not {}", other.type_name());
                Err(DatabaseError::FilterInvalid(reason))
            }
        }
    }

    /// Whether a value is of this type.
    pub fn contains(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Number, Value::Number(_))
            | (Self::String, Value::String(_))
            | (Self::Object, Value::Object(_))
            | (Self::Array, Value::Array(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Null, Value::Null) => true,
            (Self::Int | Self::Long | Self::Double, Value::Number(number)) => self == Self::of(*number),
            _ => false,
        }
    }

    fn of(number: f64) -> Self {
        /// 2 to the power of 63: the first whole number above a `long`, which a double can hold.
        const LONG_END: f64 = 9_223_372_036_854_775_808.0;
        let minus_zero = number == 0.0 && number.is_sign_negative();
        if number.fract() != 0.0 || minus_zero || !(-LONG_END..LONG_END).contains(&number) {
            Self::Double
        } else if number >= f64::from(i32::MIN) && number <= f64::from(i32::MAX) {
            Self::Int
        } else {
            Self::Long
        }
    }
}
