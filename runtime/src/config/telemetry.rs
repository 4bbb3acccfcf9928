//! `[telemetry]`, and what of `[log]` is more than a text.

use http::{HeaderName, HeaderValue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Which requests have a line in the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// None.
    Off,
    /// Those that failed.
    #[default]
    Errors,
    /// Each.
    All,
}

impl JsonSchema for Access {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Access".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(off|errors|all)$",
            "patternErrorMessage": "`off`, `errors` or `all`",
        })
    }
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Where spans are sent with OTLP over HTTP, such as `http://127.0.0.1:4318`; none are without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 1_000),
        regex(pattern = r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"),
        extend("patternErrorMessage" = "an http or https URL without a query, such as http://127.0.0.1:4318")
    )]
    pub otlp_endpoint: Option<String>,
    /// Headers of each export, as `name=value`: what the receiver wants to know the sender by.
    #[schemars(length(max = 20))]
    pub otlp_headers: Vec<OtlpHeader>,
    /// The service that spans are shown under; each app is a service of its own name without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub service_name: Option<String>,
    /// The part of the traces begun here that is recorded, from 0 to 1. A caller that sends a trace has decided for it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample_ratio: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, otlp_headers: Vec::new(), service_name: None, sample_ratio: 1.0 }
    }
}

/// A header of an export, written `name=value`. Its value is probably a secret and is not shown by `{:?}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OtlpHeader {
    /// The name.
    pub name: HeaderName,
    /// The value.
    pub value: HeaderValue,
}

/// The text is no header.
#[derive(Debug, thiserror::Error)]
#[error("this is not a header written as name=value")]
pub struct NotAHeader;

impl TryFrom<String> for OtlpHeader {
    type Error = NotAHeader;

    fn try_from(text: String) -> Result<Self, NotAHeader> {
        let (name, value) = text.split_once('=').ok_or(NotAHeader)?;
        let name = name.trim().parse().map_err(|_| NotAHeader)?;
        let mut value: HeaderValue = value.trim().parse().map_err(|_| NotAHeader)?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

impl From<OtlpHeader> for String {
    fn from(header: OtlpHeader) -> Self {
        format!("{}={}", header.name, header.value.to_str().unwrap_or_default())
    }
}

impl JsonSchema for OtlpHeader {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OtlpHeader".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "x-secret": true,
            "maxLength": 8192,
            "pattern": "^\\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+\\s*=[\\t -~]*$",
            "patternErrorMessage": "a header written as name=value",
        })
    }
}
