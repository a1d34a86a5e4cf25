//! The tables that come with the program.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::rules::{Pattern, Table};

/// One for each language; what knows of everything a little comes last.
const LANGUAGES: [&str; 11] = [
    include_str!("../data/python.yaml"),
    include_str!("../data/javascript.yaml"),
    include_str!("../data/rust.yaml"),
    include_str!("../data/go.yaml"),
    include_str!("../data/java.yaml"),
    include_str!("../data/ruby.yaml"),
    include_str!("../data/php.yaml"),
    include_str!("../data/dotnet.yaml"),
    include_str!("../data/elixir.yaml"),
    include_str!("../data/c.yaml"),
    include_str!("../data/shell.yaml"),
];
const SERVICES: &str = include_str!("../data/ci.yaml");

/// A service that tests repositories, and the files that it reads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) maker: String,
    pub(crate) files: Vec<Pattern>,
}

/// Read once: a project with many folders is looked at many times.
static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let parse = |text| serde_yaml::from_str(text).expect("a test reads every table");
    LANGUAGES.into_iter().map(parse).collect()
});

pub(crate) fn languages() -> &'static [Table] {
    &TABLES
}

pub(crate) fn services() -> Vec<Service> {
    serde_yaml::from_str(SERVICES).expect("a test reads the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_can_be_read() {
        for text in LANGUAGES {
            let table: Result<Table, _> = serde_yaml::from_str(text);
            table.unwrap_or_else(|e| panic!("{e}\n{}", text.lines().next().unwrap_or_default()));
        }
        assert!(!services().is_empty());
    }
}
