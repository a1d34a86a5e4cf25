//! What does the description of the interface say? OpenAPI 3.1, made of the endpoints as they are answered and of the
//! types that cross, so that it cannot say anything else than what is done
//! (`docs/adr/0037-openapi-from-the-types.md`).

use orch_domain::person::PersonRole;
use orch_views::endpoint::{Endpoint, Method, Sent};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::refusal::ProblemDocument;

/// Address of the description.
pub(crate) const PATH: &str = "/openapi.json";
/// Refusals that any endpoint may answer with.
const REFUSALS: [(u16, &str); 8] = [
    (401, "There is no valid token."),
    (403, "Whoever asks may not do this."),
    (404, "What is named is not there."),
    (409, "What is named is in no state for it."),
    (413, "The request is larger than the host reads."),
    (422, "The request makes no sense as it was given."),
    (429, "Too many wrong tokens came from there."),
    (500, "The host itself failed."),
];

/// Operations by path and method, and the schemas that they share.
pub(crate) struct Description {
    paths: Map<String, Value>,
    answers: SchemaGenerator,
    requests: SchemaGenerator,
}

impl Default for Description {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        let answers = settings.clone().for_serialize().into_generator();
        let requests = settings
            .for_deserialize()
            .with(|settings| settings.inline_subschemas = true);
        Self {
            paths: Map::new(),
            answers,
            requests: requests.into_generator(),
        }
    }
}

impl Description {
    /// Describes an endpoint.
    pub(crate) fn add<const N: usize, Q: JsonSchema, A: JsonSchema>(
        &mut self,
        endpoint: &Endpoint<N, Q, A>,
    ) {
        let request = self.requests.root_schema_for::<Q>();
        let answer = self.answers.subschema_for::<A>();
        let mut parameters: Vec<Value> = places(endpoint.path).map(place).collect();
        if endpoint.sent == Sent::InQuery {
            parameters.extend(query(&request));
        }
        if endpoint.method == Method::Post {
            parameters.push(json!({
                "name": "Idempotency-Key",
                "in": "header",
                "required": false,
                "description": "An order with the same key is carried out once within a day.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
            }));
        }
        let mut operation = json!({
            "operationId": operation_id(endpoint.method, endpoint.path),
            "tags": [endpoint.path.split('/').nth(1).unwrap_or_default()],
            "parameters": parameters,
            "responses": self.responses(&answer),
        });
        if endpoint.sent == Sent::InBody {
            operation["requestBody"] = json!({
                "required": is_required(&request),
                "content": {"application/json": {"schema": plain(&request)}},
            });
        }
        let security = match endpoint.least {
            None => json!([]),
            Some(_) => json!([{"token": []}]),
        };
        operation["security"] = security;
        operation["x-least-role"] = json!(endpoint.least.map_or("everybody", PersonRole::as_str));
        let path = self.paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation;
    }

    fn responses(&mut self, answer: &Schema) -> Value {
        let problem = self.answers.subschema_for::<ProblemDocument>();
        let mut responses = json!({"200": {
            "description": "It is answered or done.",
            "content": {"application/json": {"schema": answer}},
        }});
        for (status, says) in REFUSALS {
            responses[status.to_string()] = json!({
                "description": says,
                "content": {"application/problem+json": {"schema": problem}},
            });
        }
        responses
    }

    /// The whole description as text.
    pub(crate) fn text(mut self) -> String {
        let schemas = self.answers.take_definitions(true);
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Orch",
                "summary": "What a host shows, and what may be asked of it.",
                "version": env!("CARGO_PKG_VERSION"),
                "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
            },
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        });
        // Plain data can always be written.
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn places(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn place(name: &str) -> Value {
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "schema": {"type": "string", "minLength": 1},
    })
}

/// A parameter for each key of a request that stands in the query.
fn query(request: &Schema) -> Vec<Value> {
    let required = request.get("required").and_then(Value::as_array);
    let properties = request.get("properties").and_then(Value::as_object);
    let parameter = |(name, schema): (&String, &Value)| {
        let is_required = required.is_some_and(|list| list.iter().any(|key| key == name));
        json!({
            "name": name,
            "in": "query",
            "required": is_required,
            "description": schema.get("description"),
            "schema": without_null(schema),
        })
    };
    properties.into_iter().flatten().map(parameter).collect()
}

/// What is left out of a query is not there; nothing in a query is null.
fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(types) = schema.get("type").and_then(Value::as_array) {
        let first = types.iter().find(|kind| *kind != "null").cloned();
        schema["type"] = first.unwrap_or(Value::Null);
    }
    if let Some(object) = schema.as_object_mut() {
        object.remove("default");
        object.remove("description");
    }
    schema
}

fn is_required(request: &Schema) -> bool {
    let required = request.get("required").and_then(Value::as_array);
    required.is_some_and(|list| !list.is_empty())
}

/// A schema without what belongs to a document of its own.
fn plain(schema: &Schema) -> Value {
    let mut schema = schema.as_value().clone();
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
        object.remove("title");
    }
    schema
}

fn operation_id(method: Method, path: &str) -> String {
    let words = path.split('/').filter(|part| !part.is_empty());
    let words: Vec<&str> = words.map(|part| part.trim_matches(['{', '}'])).collect();
    format!("{}-{}", method.as_str().to_lowercase(), words.join("-"))
}
