//! What makes a write one that a single statement can do for many callers?

use std::fmt::Debug;

use orch_domain::id::JobId;

use crate::error::StoreError;
use crate::tx::Tx;

/// A write that one statement can do for many callers.
pub(crate) trait Joined: Debug + Send + Sync + Sized + 'static {
    /// What its caller is told.
    type Answer: Debug + Send + 'static;

    /// Whether others that wait with it go before it, since it takes what they leave.
    const IS_LAST: bool = false;

    /// The job that it writes by its key: two writes of one job keep their order.
    fn job(&self) -> Option<JobId>;

    /// Whether one statement can do both.
    fn may_join(&self, _other: &Self) -> bool {
        true
    }

    /// Whether the array of the statement can hold it.
    fn fits_an_array(&self) -> bool {
        true
    }

    /// All of them in one statement, sent by [`Tx::joined`]; none if it did not do each as [`Joined::one`] would have,
    /// which takes it back and has them done one by one, as an error does.
    fn all(
        tx: &mut Tx,
        writes: &[Self],
    ) -> impl Future<Output = Result<Option<Vec<Self::Answer>>, StoreError>> + Send;

    /// This one alone.
    fn one(&self, tx: &mut Tx) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;
}
