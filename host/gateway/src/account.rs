//! What has a run spent, and what is set aside for requests that are under way? Kept in a file beside the run, so that a
//! host that is started again goes on from there.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{Price, Tokens};

/// Bytes that the file has: written over in one go, so that it is never half of two.
const FILE_BYTES: usize = 1024;

/// What a run has spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// Requests that a model was to answer.
    pub requests: u64,
    /// Tokens of those that have ended.
    pub tokens: Tokens,
    /// Dollars of those that have ended.
    pub usd: f64,
    /// Dollars set aside for those that have not.
    pub open_usd: f64,
}

impl Spent {
    /// What the file says; none if there is none, or nothing was asked.
    pub fn read(file: &Path) -> Option<Self> {
        let bytes = std::fs::read(file).ok()?;
        let spent: Self = serde_json::from_slice(&bytes).ok()?;
        (spent.requests > 0).then_some(spent)
    }
}

/// The account of one run.
#[derive(Debug)]
pub struct Account {
    budget_usd: Option<f64>,
    file: File,
    spent: Mutex<Spent>,
}

impl Account {
    /// Opens the account that is kept in `path`. What was set aside when an earlier host died is spent.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path, budget_usd: Option<f64>) -> io::Result<Self> {
        let mut spent = Spent::read(path).unwrap_or_default();
        spent.usd += spent.open_usd;
        spent.open_usd = 0.0;
        let mut options = File::options();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        let account = Self {
            budget_usd,
            file,
            spent: Mutex::new(spent),
        };
        account.change(|_| ());
        Ok(account)
    }

    /// Whether nothing is left.
    pub fn is_overdrawn(&self) -> bool {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_over(&spent)
    }

    fn is_over(&self, spent: &Spent) -> bool {
        let is_over = |budget| spent.usd + spent.open_usd >= budget;
        self.budget_usd.is_some_and(is_over)
    }

    /// Sets aside what a request may cost at most; none if nothing is left. A run goes beyond its budget by the requests
    /// that were under way when it was reached, and by no more.
    pub(crate) fn reserve(self: &Arc<Self>, most: Tokens, price: Price) -> Option<Reservation> {
        let usd = price.of(most);
        let mut is_granted = false;
        self.change(|spent| {
            if !self.is_over(spent) {
                is_granted = true;
                spent.requests += 1;
                spent.open_usd += usd;
            }
        });
        is_granted.then(|| Reservation {
            account: self.clone(),
            most,
            price,
            open: true,
        })
    }

    fn change(&self, change: impl FnOnce(&mut Spent)) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut spent);
        let mut bytes = serde_json::to_vec(&*spent).unwrap_or_default();
        bytes.resize(FILE_BYTES.max(bytes.len()), b' ');
        if let Err(error) = self.file.write_all_at(&bytes, 0) {
            tracing::warn!(error = %error, "what a run has spent cannot be written down");
        }
    }
}

/// What is set aside for one request. Dropped, it is spent.
#[derive(Debug)]
pub(crate) struct Reservation {
    account: Arc<Account>,
    most: Tokens,
    price: Price,
    open: bool,
}

impl Reservation {
    pub(crate) fn most(&self) -> Tokens {
        self.most
    }

    /// The request used these.
    pub(crate) fn settle(mut self, tokens: Tokens) {
        self.close(tokens);
    }

    fn close(&mut self, tokens: Tokens) {
        self.open = false;
        let (most, price) = (self.most, self.price);
        self.account.change(|spent| {
            spent.open_usd = (spent.open_usd - price.of(most)).max(0.0);
            spent.usd += price.of(tokens);
            spent.tokens = spent.tokens.plus(tokens);
        });
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.open {
            self.close(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: Price = Price {
        input: 1e6,
        output: 2e6,
        cache_read: 0.0,
        cache_write: 0.0,
    };

    fn of(input: u64, output: u64) -> Tokens {
        Tokens {
            input,
            output,
            ..Tokens::default()
        }
    }

    #[test]
    fn what_is_set_aside_counts_until_it_is_settled_and_is_spent_if_it_never_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spent.json");
        let account = Arc::new(Account::open(&file, Some(10.0)).unwrap());
        assert_eq!(Spent::read(&file), None, "nothing was asked");
        let first = account.reserve(of(2, 4), PRICE).unwrap();
        assert!(
            account.reserve(of(0, 1), PRICE).is_none(),
            "10 are set aside"
        );
        first.settle(of(2, 1));
        let spent = Spent::read(&file).unwrap();
        assert_eq!(
            (spent.usd, spent.open_usd, spent.tokens),
            (4.0, 0.0, of(2, 1))
        );
        drop(account.reserve(of(1, 0), PRICE).unwrap());
        assert_eq!(Spent::read(&file).unwrap().usd, 5.0);
        // The host dies while a request is under way.
        std::mem::forget(account.reserve(of(0, 2), PRICE).unwrap());
        let next = Arc::new(Account::open(&file, Some(10.0)).unwrap());
        let spent = Spent::read(&file).unwrap();
        assert_eq!((spent.usd, spent.open_usd, spent.requests), (9.0, 0.0, 3));
        next.reserve(of(1, 0), PRICE).unwrap().settle(of(1, 0));
        assert!(next.is_overdrawn());
        assert!(next.reserve(of(0, 0), PRICE).is_none());
    }
}
