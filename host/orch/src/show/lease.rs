//! Leases as text.

use orch_views::lease::LeaseView;
use orch_views::page::Page;

use super::table::page;

pub(crate) fn list(leases: &Page<LeaseView>) -> String {
    let header = ["lease", "work item", "epoch", "job", "at work", "owner"];
    page(header, leases, |lease| {
        [
            lease.resource.clone(),
            lease.work_item.clone(),
            lease.epoch.to_string(),
            lease.job.map(|job| job.to_string()).unwrap_or_default(),
            lease.kind.map(|kind| kind.to_string()).unwrap_or_default(),
            lease.owner.clone(),
        ]
    })
}

#[cfg(test)]
mod tests {
    use orch_domain::job::JobKind;

    use super::*;
    use crate::show::plain::tests::hostile;

    fn lease(resource: &str, kind: Option<JobKind>) -> LeaseView {
        LeaseView {
            resource: resource.into(),
            work_item: "SHOP-1".into(),
            epoch: 2,
            job: Some(7),
            kind,
            owner: "boot/4711/99".into(),
            since_ms: Some(1),
            expires_ms: None,
        }
    }

    fn of(items: Vec<LeaseView>) -> Page<LeaseView> {
        Page::of_list(items, 0, 50)
    }

    #[test]
    fn leases_none_one_and_many() {
        insta::assert_snapshot!(list(&of(vec![])), @"nothing");
        insta::assert_snapshot!(list(&of(vec![lease("merge:shop", None)])), @r"
        lease       work item  epoch  job  at work  owner
        merge:shop  SHOP-1     2      7             boot/4711/99
        ");
        let many = vec![
            lease("merge:shop", None),
            lease("task:SHOP-1", Some(JobKind::Gate)),
        ];
        insta::assert_snapshot!(list(&Page::of_list(many, 0, 1)), @r"
        lease       work item  epoch  job  at work  owner
        merge:shop  SHOP-1     2      7             boot/4711/99

        showing 1 of 2; `--after 1` shows what follows, `--limit 2` shows more at once
        ");
    }

    #[test]
    fn nothing_acts_in_an_owner() {
        let mut lease = lease("task:SHOP-1", Some(JobKind::Gate));
        lease.owner = hostile();
        insta::assert_snapshot!(list(&of(vec![lease])), @r"
        lease        work item  epoch  job  at work  owner
        task:SHOP-1  SHOP-1     2      7    gate     \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next
        ");
    }
}
