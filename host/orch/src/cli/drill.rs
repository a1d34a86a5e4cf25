//! `orch drill` and its arguments.

use clap::Args;
use orch_domain::drill::DrillClass;

#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// Repository whose gates are tried.
    #[arg(required_unless_present_any = ["show", "list"])]
    pub(crate) repo: Option<String>,
    /// Only this class of changes; may be given several times.
    #[arg(long = "class", value_name = "CLASS", value_parser = class)]
    pub(crate) classes: Vec<DrillClass>,
    /// Begin it and do not wait for its end.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Show a drill of before instead.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["repo", "classes", "detach"])]
    pub(crate) show: Option<i64>,
    /// List drills instead, the newest first.
    #[arg(long, conflicts_with_all = ["repo", "classes", "detach", "show"])]
    pub(crate) list: bool,
}

fn class(text: &str) -> Result<DrillClass, String> {
    DrillClass::parse(text).ok_or_else(|| {
        let names = DrillClass::ALL.map(DrillClass::as_str).join(", ");
        format!("no class `{text}`; use {names}")
    })
}
