//! The calls an app can make, as they arrive: a method, a collection, and arguments in the order in which the app wrote
//! them. Whoever calls, an app, the command line or the admin API, comes through here.

use super::aggregate::Pipeline;
use super::error::DatabaseError;
use super::index::DocumentIndex;
use super::index_options::did_you_mean;
use super::limits::MAX_INSERTED_DOCUMENTS;
use super::query::{self, Query};
use super::update::Update;
use super::value::{Object, Value};
use super::vector::VectorDefinition;
use crate::gate::Action;

/// A call, understood.
#[derive(Clone, Debug)]
pub enum Call {
    /// `find(filter?, options?)`
    Find(Box<Query>),
    /// `findPage(filter?, options?)`
    FindPage(Box<Query>),
    /// `findOne(filter?, options?)`
    FindOne(Box<Query>),
    /// `findSimilar(options)`
    FindSimilar(Box<Query>),
    /// `explain(filter?, options?)`
    Explain(Box<Query>),
    /// `countDocuments(filter?)`
    Count(Box<Query>),
    /// `distinct(field, filter?)`
    Distinct(String, Box<Query>),
    /// `aggregate(pipeline)`
    Aggregate(Pipeline),
    /// `insertOne(document)`
    InsertOne(Object),
    /// `insertMany(documents)`
    InsertMany(Vec<Object>),
    /// `updateOne`, `updateMany`, `replaceOne`, `findOneAndUpdate`, `findOneAndReplace`
    Update(Box<UpdateCall>),
    /// `deleteOne`, `deleteMany`, `findOneAndDelete`
    Delete(Box<DeleteCall>),
    /// `createIndex(options)`
    CreateIndex(DocumentIndex),
    /// `createVectorIndex(options)`
    CreateVectorIndex(VectorDefinition),
    /// `dropIndex(name)`
    DropIndex(String),
    /// `dropVectorIndex(field)`
    DropVectorIndex(String),
    /// `listIndexes()`
    ListIndexes,
    /// `listVectorIndexes()`
    ListVectorIndexes,
    /// `listCollections()`, of no collection in particular
    ListCollections,
}

/// A call that changes documents.
#[derive(Clone, Debug)]
pub struct UpdateCall {
    /// Which documents.
    pub query: Query,
    /// How they change.
    pub update: Update,
    /// Whether all of them change, or the first.
    pub many: bool,
    /// Whether a document is inserted if there is none.
    pub upsert: bool,
    /// What is returned.
    pub returning: Returning,
}

/// A call that deletes documents.
#[derive(Clone, Debug)]
pub struct DeleteCall {
    /// Which documents.
    pub query: Query,
    /// Whether all of them go, or the first.
    pub many: bool,
    /// What is returned.
    pub returning: Returning,
}

/// What a change returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returning {
    /// How many documents matched and changed.
    Counts,
    /// The document as it was.
    Before,
    /// The document as it is now.
    After,
}

/// The methods there are.
pub const METHODS: [&str; 24] = [
    "find",
    "findPage",
    "findOne",
    "findSimilar",
    "explain",
    "countDocuments",
    "distinct",
    "aggregate",
    "insertOne",
    "insertMany",
    "updateOne",
    "updateMany",
    "replaceOne",
    "deleteOne",
    "deleteMany",
    "findOneAndUpdate",
    "findOneAndReplace",
    "findOneAndDelete",
    "createIndex",
    "createVectorIndex",
    "dropIndex",
    "dropVectorIndex",
    "listIndexes",
    "listVectorIndexes",
];

/// The options of `find`, and of `explain`, which explains it.
const FIND: &[&str] = &["sort", "skip", "limit", "projection", "vector"];
/// The options of `findOne`.
const FIND_ONE: &[&str] = &["sort", "skip", "projection"];
/// The options of `findPage`.
const FIND_PAGE: &[&str] = &["sort", "limit", "projection", "cursor"];
/// The options that say which one of several documents is changed.
const CHANGE_ONE: &[&str] = &["sort"];
/// The same where the document is returned.
const FIND_ONE_AND_CHANGE: &[&str] = &["sort", "projection"];
/// Methods that change all documents have no say in which.
const CHANGE_MANY: &[&str] = &[];

impl Call {
    /// Understands a call, or says what is wrong with it.
    pub fn parse(method: &str, collection: &str, arguments: Vec<Value>) -> Result<Self, DatabaseError> {
        let mut arguments = Arguments { method, values: arguments.into_iter() };
        let call = match method {
            "find" => Self::Find(arguments.query(FIND)?),
            "findPage" => Self::FindPage(arguments.query(FIND_PAGE)?),
            "findOne" => {
                let mut query = arguments.query(FIND_ONE)?;
                query.limit = 1;
                Self::FindOne(query)
            }
            "explain" => Self::Explain(arguments.query(FIND)?),
            "findSimilar" => Self::FindSimilar(similar(arguments.object("options")?)?),
            "countDocuments" => Self::Count(Box::new(Query::all(arguments.filter()?)?)),
            "distinct" => Self::Distinct(arguments.text("field")?, Box::new(Query::all(arguments.filter()?)?)),
            "aggregate" => Self::Aggregate(Pipeline::parse(&arguments.required("pipeline")?)?),
            "insertOne" => Self::InsertOne(arguments.object("document")?),
            "insertMany" => Self::InsertMany(arguments.documents()?),
            "updateOne" | "updateMany" | "replaceOne" | "findOneAndUpdate" | "findOneAndReplace" => {
                Self::Update(Box::new(UpdateCall::parse(method, &mut arguments)?))
            }
            "deleteOne" | "deleteMany" | "findOneAndDelete" => {
                let filter = arguments.filter_of_change()?;
                let query = Query::parse(filter, &arguments.options()?, options_of_change(method))?;
                let returning = if method == "findOneAndDelete" { Returning::Before } else { Returning::Counts };
                Self::Delete(Box::new(DeleteCall { query, many: method == "deleteMany", returning }))
            }
            "createIndex" => Self::CreateIndex(DocumentIndex::parse(collection, &arguments.object("options")?)?),
            "createVectorIndex" => Self::CreateVectorIndex(VectorDefinition::parse(&arguments.object("options")?)?),
            "dropIndex" => Self::DropIndex(arguments.text("name")?),
            "dropVectorIndex" => Self::DropVectorIndex(arguments.text("field")?),
            "listIndexes" => Self::ListIndexes,
            "listVectorIndexes" => Self::ListVectorIndexes,
            "listCollections" => Self::ListCollections,
            unknown => {
                let suggestion = did_you_mean(unknown, &METHODS);
                return Err(DatabaseError::MethodUnknown(format!("{unknown:?}{suggestion}")));
            }
        };
        arguments.end()?;
        Ok(call)
    }

    /// What the gate is asked about.
    pub fn action(&self) -> Action {
        match self {
            Self::Find(_) | Self::FindPage(_) | Self::FindOne(_) | Self::FindSimilar(_) | Self::Distinct(..) => {
                Action::Read
            }
            Self::Explain(_) | Self::Count(_) | Self::Aggregate(_) => Action::Read,
            Self::InsertOne(_) | Self::InsertMany(_) | Self::Update(_) => Action::Write,
            Self::Delete(_) => Action::Delete,
            Self::CreateIndex(_) | Self::CreateVectorIndex(_) | Self::DropIndex(_) | Self::DropVectorIndex(_) => {
                Action::Manage
            }
            Self::ListIndexes | Self::ListVectorIndexes | Self::ListCollections => Action::List,
        }
    }
}

impl UpdateCall {
    fn parse(method: &str, arguments: &mut Arguments<'_>) -> Result<Self, DatabaseError> {
        let filter = arguments.filter_of_change()?;
        let change = arguments.required("update")?;
        let mut options = arguments.options()?;
        let upsert = match options.remove("upsert") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(upsert)) => upsert,
            Some(other) => return Err(invalid(format!("upsert must be true or false, not {}", other.type_name()))),
        };
        let returned = options.remove("returnDocument");
        let returning = match (method.starts_with("findOneAnd"), returned) {
            (false, None) => Returning::Counts,
            (true, None | Some(Value::Null)) => Returning::Before,
            (true, Some(Value::String(which))) if which == "before" => Returning::Before,
            (true, Some(Value::String(which))) if which == "after" => Returning::After,
            (true, Some(_)) => return Err(invalid("returnDocument must be \"before\" or \"after\"".into())),
            (false, Some(_)) => return Err(invalid(format!("{method} has no option returnDocument"))),
        };
        let array_filters = match options.remove("arrayFilters") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(filters)) => filters,
            Some(other) => return Err(invalid(format!("arrayFilters must be an array, not {}", other.type_name()))),
        };
        let update = match (&change, method) {
            (Value::Object(document), "replaceOne" | "findOneAndReplace") => Update::replacement(document)?,
            (other, "replaceOne" | "findOneAndReplace") => {
                return Err(arguments.unexpected("replacement", "an object", other));
            }
            _ => Update::parse_with_array_filters(&change, &array_filters)?,
        };
        let query = Query::parse(filter, &options, options_of_change(method))?;
        Ok(Self { query, update, many: method == "updateMany", upsert, returning })
    }
}

/// Which of the options of a query a method has that changes documents.
fn options_of_change(method: &str) -> &'static [&'static str] {
    match method {
        "updateMany" | "deleteMany" => CHANGE_MANY,
        _ if method.starts_with("findOneAnd") => FIND_ONE_AND_CHANGE,
        _ => CHANGE_ONE,
    }
}

/// The options of `findSimilar` are those of a `vector` clause, with the filter and the rest of a query among them.
fn similar(mut options: Object) -> Result<Box<Query>, DatabaseError> {
    let filter = query::object(&options, "filter")?.unwrap_or_default();
    options.remove("filter");
    let mut rest = Object::new();
    for name in ["limit", "skip", "projection"] {
        if let Some(value) = options.remove(name) {
            rest.insert(name, value);
        }
    }
    rest.insert("vector", Value::Object(options));
    Ok(Box::new(Query::parse(filter, &rest, FIND)?))
}

fn invalid(reason: String) -> DatabaseError {
    DatabaseError::OptionsInvalid(reason)
}

/// The arguments that have not been looked at.
struct Arguments<'m> {
    method: &'m str,
    values: std::vec::IntoIter<Value>,
}

impl Arguments<'_> {
    fn query(&mut self, known: &[&str]) -> Result<Box<Query>, DatabaseError> {
        let filter = self.filter()?;
        Ok(Box::new(Query::parse(filter, &self.options()?, known)?))
    }

    fn filter(&mut self) -> Result<Object, DatabaseError> {
        self.optional_object("filter")
    }

    /// Of a change: where it is forgotten, all documents would be changed.
    fn filter_of_change(&mut self) -> Result<Object, DatabaseError> {
        self.object("filter")
    }

    fn options(&mut self) -> Result<Object, DatabaseError> {
        self.optional_object("options")
    }

    fn optional_object(&mut self, what: &str) -> Result<Object, DatabaseError> {
        match self.values.next() {
            None | Some(Value::Null) => Ok(Object::new()),
            Some(Value::Object(object)) => Ok(object),
            Some(other) => Err(self.unexpected(what, "an object", &other)),
        }
    }

    fn object(&mut self, what: &str) -> Result<Object, DatabaseError> {
        match self.required(what)? {
            Value::Object(object) => Ok(object),
            other => Err(self.unexpected(what, "an object", &other)),
        }
    }

    fn text(&mut self, what: &str) -> Result<String, DatabaseError> {
        match self.required(what)? {
            Value::String(text) => Ok(text),
            other => Err(self.unexpected(what, "a string", &other)),
        }
    }

    fn documents(&mut self) -> Result<Vec<Object>, DatabaseError> {
        let Value::Array(items) = self.required("documents")? else {
            return Err(invalid(format!("{} needs an array of documents", self.method)));
        };
        if items.is_empty() || items.len() > MAX_INSERTED_DOCUMENTS {
            let found = items.len();
            return Err(invalid(format!("{} takes 1 to {MAX_INSERTED_DOCUMENTS} documents, not {found}", self.method)));
        }
        let document = |item: Value| match item {
            Value::Object(object) => Ok(object),
            other => Err(self.unexpected("each document", "an object", &other)),
        };
        items.into_iter().map(document).collect()
    }

    fn required(&mut self, what: &str) -> Result<Value, DatabaseError> {
        self.values.next().ok_or_else(|| invalid(format!("{} needs its {what}", self.method)))
    }

    fn unexpected(&self, what: &str, wanted: &str, found: &Value) -> DatabaseError {
        invalid(format!("the {what} of {} must be {wanted}, not {}", self.method, found.type_name()))
    }

    fn end(mut self) -> Result<(), DatabaseError> {
        match self.values.next() {
            Some(more) if more != Value::Null => Err(invalid(format!("{} has an argument too many", self.method))),
            _ => Ok(()),
        }
    }
}
