//! Costs as text.

use orch_views::costs::CostView;
use orch_views::page::Page;

use super::table::page;

pub(crate) fn costs(costs: &Page<CostView>) -> String {
    let header = [
        "of",
        "runs",
        "USD",
        "reserved",
        "input",
        "output",
        "cache read",
        "cache write",
    ];
    page(header, costs, |row| {
        [
            row.name.clone(),
            row.runs.to_string(),
            format!("{:.2}", row.cost_usd),
            format!("{:.2}", row.reserved_usd),
            row.tokens.input.to_string(),
            row.tokens.output.to_string(),
            row.tokens.cache_read.to_string(),
            row.tokens.cache_write.to_string(),
        ]
    })
}

#[cfg(test)]
mod tests {
    use orch_views::costs::TokensView;

    use super::*;
    use crate::show::plain::tests::hostile;

    fn row(name: &str, usd: f64) -> CostView {
        CostView {
            name: name.into(),
            runs: 3,
            cost_usd: usd,
            reserved_usd: 0.5,
            tokens: TokensView {
                input: 1_000,
                output: 20,
                cache_read: 300_000,
                cache_write: 4,
            },
        }
    }

    #[test]
    fn costs_none_one_many_and_of_a_hostile_name() {
        let of = |rows| Page::of_list(rows, 0, 2);
        insta::assert_snapshot!(costs(&of(vec![])), @"nothing");
        insta::assert_snapshot!(costs(&of(vec![row("2026-11-21", 1.25)])), @r"
        of          runs  USD   reserved  input  output  cache read  cache write
        2026-11-21  3     1.25  0.50      1000   20      300000      4
        ");
        let many = vec![row("a", 9.0), row("b", 1.0), row("c", 0.0)];
        insta::assert_snapshot!(costs(&of(many)), @r"
        of  runs  USD   reserved  input  output  cache read  cache write
        a   3     9.00  0.50      1000   20      300000      4
        b   3     1.00  0.50      1000   20      300000      4

        showing 2 of 3; `--after 2` shows what follows, `--limit 3` shows more at once
        ");
        insta::assert_snapshot!(costs(&of(vec![row(&hostile(), 0.0)])), @r"
        of                                                              runs  USD   reserved  input  output  cache read  cache write
        \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next  3     0.00  0.50      1000   20      300000      4
        ");
    }
}
