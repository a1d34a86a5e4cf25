//! Prints the contract as `docs/gate-authors/reference.md`, and fails when the page is out of date.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the report"
)]

use std::fmt::Write as _;
use std::path::Path;

use orch_gates::{CONTRACT, Interface, Limits};
use wit_parser::{Docs, Function, InterfaceId, Resolve, Type, TypeDef, TypeDefKind, TypeId};

const HEAD: &str = "# Reference of the contract

Written by a test from `wit/0.1.0/`; `ORCH_BLESS=1 cargo test -p orch-gates --test reference` writes it anew.

An interface that a gate imports is a permission: the host reads the list off the binary before the gate runs.
`tools`, `http` and `memory` need a grant of the operator; the rest is granted to every gate of the gates folder.
";

fn line(docs: &Docs) -> String {
    docs.contents
        .as_deref()
        .unwrap_or_default()
        .trim()
        .replace('\n', " ")
}

struct Page<'a> {
    resolve: &'a Resolve,
    text: String,
}

impl Page<'_> {
    fn say(&mut self, line: &str) {
        // Writing to a String cannot fail.
        writeln!(self.text, "{line}").unwrap();
    }

    fn name(&self, ty: &Type) -> String {
        match ty {
            Type::Id(id) => self.named(*id),
            Type::String => "string".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    fn named(&self, id: TypeId) -> String {
        let def = &self.resolve.types[id];
        if let Some(name) = &def.name {
            return format!("`{name}`");
        }
        match &def.kind {
            TypeDefKind::Option(inner) => format!("{}, or nothing", self.name(inner)),
            TypeDefKind::List(inner) => format!("list of {}", self.name(inner)),
            TypeDefKind::Tuple(tuple) => {
                let parts: Vec<String> = tuple.types.iter().map(|t| self.name(t)).collect();
                format!("({})", parts.join(", "))
            }
            TypeDefKind::Result(result) => {
                let part =
                    |t: &Option<Type>| t.as_ref().map_or("nothing".to_owned(), |t| self.name(t));
                format!("{}, or error {}", part(&result.ok), part(&result.err))
            }
            other => panic!("the page has no words for {other:?}"),
        }
    }

    fn item(&mut self, head: &str, docs: &Docs) {
        let said = line(docs);
        self.say(&match said.is_empty() {
            true => format!("- {head}"),
            false => format!("- {head}: {said}"),
        });
    }

    fn type_def(&mut self, def: &TypeDef) {
        let Some(name) = &def.name else { return };
        let kind = match &def.kind {
            // A name that another interface brings in.
            TypeDefKind::Type(_) => return,
            kind => kind.as_str(),
        };
        self.say(&format!("\n### {kind} `{name}`\n"));
        let said = line(&def.docs);
        if !said.is_empty() {
            self.say(&format!("{said}\n"));
        }
        match &def.kind {
            TypeDefKind::Record(record) => {
                for field in &record.fields {
                    let head = format!("`{}`, {}", field.name, self.name(&field.ty));
                    self.item(&head, &field.docs);
                }
            }
            TypeDefKind::Variant(variant) => {
                for case in &variant.cases {
                    let with = case.ty.as_ref().map(|t| format!(" with {}", self.name(t)));
                    let head = format!("`{}`{}", case.name, with.unwrap_or_default());
                    self.item(&head, &case.docs);
                }
            }
            TypeDefKind::Enum(cases) => {
                for case in &cases.cases {
                    self.item(&format!("`{}`", case.name), &case.docs);
                }
            }
            other => panic!("the page has no words for {other:?}"),
        }
    }

    fn function(&mut self, function: &Function) {
        let params: Vec<String> = function
            .params
            .iter()
            .map(|p| format!("{}: {}", p.name, self.name(&p.ty)))
            .collect();
        let answer = function
            .result
            .as_ref()
            .map(|t| format!(" → {}", self.name(t)));
        let head = format!(
            "`{}`({}){}",
            function.name,
            params.join(", "),
            answer.unwrap_or_default()
        );
        self.item(&head, &function.docs);
    }

    fn interface(&mut self, id: InterfaceId) {
        let interface = &self.resolve.interfaces[id];
        let name = interface.name.as_deref().unwrap();
        self.say(&format!("\n## {name}\n"));
        self.say(&line(&interface.docs));
        if let Some(permission) = Interface::parse(name) {
            self.say(&format!(
                "\nImporting it allows a gate to {}.",
                permission.in_words()
            ));
        }
        if !interface.functions.is_empty() {
            self.say("\n### Functions\n");
        }
        for function in interface.functions.values() {
            self.function(function);
        }
        for id in interface.types.values() {
            let def = &self.resolve.types[*id];
            self.type_def(def);
        }
    }
}

fn limits() -> String {
    let limits = Limits::default();
    let mib = |bytes: u64| bytes / 1024 / 1024;
    format!(
        "\n## Limits of one evaluation\n\n\
         - CPU time of the gate: {} ms; wall clock, tool runs aside: {} ms\n\
         - memory: {} MiB, summed over all memories\n\
         - host calls: {}; bytes read through them: {} MiB\n\
         - findings: {}; fields: {}; report: {} KiB; each text: {} KiB\n\
         - log: {} lines of {} KiB\n\n\
         An entry's `limits` may lower them. Whoever goes beyond is inconclusive, and inconclusive never lets a task on.",
        limits.cpu_ms,
        limits.wall_ms,
        mib(limits.memory_bytes),
        limits.host_calls,
        mib(limits.read_bytes),
        limits.findings,
        limits.fields,
        limits.report_bytes / 1024,
        limits.text_bytes / 1024,
        limits.log_lines,
        limits.log_line_bytes / 1024,
    )
}

fn page(wit: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).unwrap();
    let mut page = Page {
        resolve: &resolve,
        text: format!("{HEAD}\nPackage `{CONTRACT}`.\n"),
    };
    let of_package = &resolve.packages[package].interfaces;
    // What a gate exports first, then what it may import.
    let first = ["gate", "description", "types", "task"];
    for name in first {
        page.interface(of_package[name]);
    }
    let mut rest: Vec<&String> = of_package
        .keys()
        .filter(|n| !first.contains(&n.as_str()))
        .collect();
    rest.sort();
    for name in rest {
        page.interface(of_package[name]);
    }
    let limits = limits();
    page.say(&limits);
    page.text
}

#[test]
fn reference_page_says_what_the_contract_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = page(&root.join("wit/0.1.0"));
    let path = root.join("docs/gate-authors/reference.md");
    if std::env::var_os("ORCH_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/gate-authors/reference.md is out of date; run `ORCH_BLESS=1 cargo test -p orch-gates --test reference`"
    );
}
