//! How a guest's text becomes the component that the host is given.
//!
//! A line such as `;; @describe` in a guest stands for a part that behaves: see [`part`]. A guest that
//! imports something outside the contract has a `.wit` of the same name with a world `guest`.

use std::path::{Path, PathBuf};

use orch_domain::verdict::{Descriptor, Inconclusive, Verdict};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::abi::{self, Image};

/// Where the parts lie in a guest's first page. Addresses below are the guest's own scratch; its heap
/// begins with the second page.
const DESCRIPTOR_AT: u32 = 1024;
const PROBLEMS_AT: u32 = 8 * 1024;
const VERDICT_AT: u32 = 16 * 1024;

/// A bump allocator that frees nothing: a guest lives for one evaluation.
const MEMORY: &str = r#"
(memory $memory (export "memory") 2)
(global $heap (mut i32) (i32.const 65536))
(func $realloc (export "cabi_realloc")
    (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (loop $enough
        (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
            (then
                (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
                (br $enough))))
    (local.get $at))
"#;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn contract() -> PathBuf {
    folder().join("../../wit/0.1.0")
}

/// Names of the guests kept as text, sorted.
///
/// # Panics
/// If the folder of this crate cannot be read.
pub fn guest_names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder of this crate is there while its tests run")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "wat"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// The guest `name` as a component.
///
/// # Panics
/// If there is no such guest or its text is wrong.
pub fn component(name: &str) -> Vec<u8> {
    encode(
        name,
        &filled(name, &crate::descriptor(), &Ok(crate::pass()), &[]),
    )
}

/// The guest `name` as the core module it is made from, which no host may take for a gate.
///
/// # Panics
/// If there is no such guest or its text is wrong.
pub fn core_module(name: &str) -> Vec<u8> {
    let text = filled(name, &crate::descriptor(), &Ok(crate::pass()), &[]);
    module_of(name, &text)
}

/// A guest that passes and does nothing else.
///
/// # Panics
/// Never, as long as the corpus is sound.
pub fn noop() -> Vec<u8> {
    component("noop")
}

/// A guest that describes itself so and passes; `problems` is what it says of any settings.
///
/// # Panics
/// If the texts do not fit into the guest's first page.
pub fn describing(about: &Descriptor, problems: &[&str]) -> Vec<u8> {
    encode("noop", &filled("noop", about, &Ok(crate::pass()), problems))
}

/// A guest that returns this verdict, or this error of the contract.
///
/// # Panics
/// If an error's reason is none that a gate can give.
pub fn answering(answer: &Result<Verdict, Inconclusive>) -> Vec<u8> {
    encode("noop", &filled("noop", &crate::descriptor(), answer, &[]))
}

/// A component written as such, for what `wit-component` would refuse to make.
///
/// # Panics
/// If the text is wrong.
pub fn components_of_text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("a component of the tests: {error}"))
}

/// Replaces the `;; @` lines of a guest by the parts that they stand for.
fn filled(
    name: &str,
    about: &Descriptor,
    answer: &Result<Verdict, Inconclusive>,
    problems: &[&str],
) -> String {
    let path = folder().join(format!("{name}.wat"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("guest `{name}`: {e}"));
    let parts = |line: &str| match line.trim().strip_prefix(";; @") {
        Some("memory") => MEMORY.to_owned(),
        Some("describe") => part(
            "describe",
            "",
            DESCRIPTOR_AT,
            &abi::descriptor(DESCRIPTOR_AT, about),
        ),
        Some("check-settings") => part(
            "check-settings",
            "(param i32 i32)",
            PROBLEMS_AT,
            &abi::texts(PROBLEMS_AT, problems),
        ),
        Some("evaluate") => part("evaluate", "", VERDICT_AT, &abi::answer(VERDICT_AT, answer)),
        Some("pass") => pass(&abi::answer(VERDICT_AT, &Ok(crate::pass()))),
        Some(other) => panic!("guest `{name}` asks for a part `{other}` that is not there"),
        None => format!("{line}\n"),
    };
    text.lines().map(parts).collect()
}

/// A well-behaved export that answers with an image.
fn part(export: &str, parameters: &str, at: u32, image: &Image) -> String {
    format!(
        "(data (i32.const {at}) \"{}\")\n(func (export \"orch:gate/gate@0.1.0#{export}\") {parameters} (result i32) (i32.const {at}))\n",
        image.escaped()
    )
}

/// A verdict that passes, as the global `$pass`, for guests with an `evaluate` of their own.
fn pass(image: &Image) -> String {
    format!(
        "(data (i32.const {VERDICT_AT}) \"{}\")\n(global $pass i32 (i32.const {VERDICT_AT}))\n",
        image.escaped()
    )
}

fn module_of(name: &str, text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("guest `{name}`: {error}"))
}

fn encode(name: &str, text: &str) -> Vec<u8> {
    let mut module = module_of(name, text);
    let mut resolve = Resolve::default();
    let fail = |what: String| -> ! { panic!("guest `{name}`: {what}") };
    let (contract, _) = resolve
        .push_dir(contract())
        .unwrap_or_else(|e| fail(format!("{e:#}")));
    let own = folder().join(format!("{name}.wit"));
    let world = if Path::new(&own).exists() {
        let package = resolve
            .push_file(&own)
            .unwrap_or_else(|e| fail(format!("{e:#}")));
        resolve.select_world(&[package], Some("guest"))
    } else {
        resolve.select_world(&[contract], Some("full"))
    };
    let world = world.unwrap_or_else(|e| fail(format!("{e:#}")));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().validate(true).module(&module)?.encode())
        .unwrap_or_else(|e| fail(format!("{e:#}")))
}
