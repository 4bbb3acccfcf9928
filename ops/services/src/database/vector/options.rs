//! Reads the options of a call: known keys only, each of its type. It knows no option by name.

use super::super::value::{Object, Value};

/// How alike a misspelt name has to be (Jaro-Winkler, 0 to 1) to be suggested.
const ALIKE: f64 = 0.8;

/// An options object all of whose keys are known. Errors are sentences for the caller to give a code to.
pub(super) struct Options<'a>(&'a Object);

/// A value an option may have, by the name it has in JavaScript.
pub(super) trait Choice: Copy + 'static {
    /// Every choice with its name.
    const ALL: &'static [(&'static str, Self)];
}

impl<'a> Options<'a> {
    /// Refuses any key that is not among the known ones.
    pub(super) fn new(object: &'a Object, known: &[&str]) -> Result<Self, String> {
        for (key, _) in object.iter() {
            if !known.contains(&key) {
                return Err(format!("there is no option `{key}`; {}", advice(key, known)));
            }
        }
        Ok(Self(object))
    }

    /// The value of an option; one that is null counts as left out, as `undefined` does.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| **value != Value::Null)
    }

    pub(super) fn boolean(&self, key: &str) -> Result<bool, String> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(format!("`{key}` is true or false, not {}", other.type_name())),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() && !text.contains('\0') => Ok(Some(text)),
            Some(Value::String(_)) => Err(format!("`{key}` must not be empty or contain U+0000")),
            Some(other) => Err(format!("`{key}` is a string, not {}", other.type_name())),
        }
    }

    /// A whole number from 1 to a maximum. There is no default.
    pub(super) fn count(&self, key: &str, maximum: usize) -> Result<usize, String> {
        match self.get(key) {
            Some(Value::Number(number)) if number.fract() == 0.0 && (1.0..=maximum as f64).contains(number) => {
                Ok(*number as usize)
            }
            Some(other) => Err(format!("`{key}` is a whole number from 1 to {maximum}, not {other}")),
            None => Err(format!("`{key}` is missing: give a whole number from 1 to {maximum}")),
        }
    }

    pub(super) fn choice<T: Choice>(&self, key: &str) -> Result<Option<T>, String> {
        let Some(name) = self.text(key)? else { return Ok(None) };
        if let Some((_, choice)) = T::ALL.iter().find(|(known, _)| *known == name) {
            return Ok(Some(*choice));
        }
        let known: Vec<&str> = T::ALL.iter().map(|(known, _)| *known).collect();
        Err(format!("`{key}` has no value `{name}`; {}", advice(name, &known)))
    }
}

/// The name of a choice, as JavaScript has it.
pub(super) fn name_of<T: Choice + PartialEq>(choice: T) -> &'static str {
    T::ALL.iter().find(|(_, known)| *known == choice).map_or("", |(name, _)| name)
}

fn advice(name: &str, known: &[&str]) -> String {
    let likeness = |candidate: &str| strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
    match known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|best| likeness(best) >= ALIKE) {
        Some(best) => format!("did you mean `{best}`?"),
        None => format!("use one of {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}
