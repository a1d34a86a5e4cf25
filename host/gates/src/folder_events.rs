//! When may something have changed in a folder? The kernel tells at once; a look now and then makes up for what it
//! does not tell.
//!
//! Its events are a hint and nothing else: they are lost when their queue overflows, and there are none for changes
//! that are made elsewhere on a network file system. Whoever waits here looks for itself afterwards.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

/// How long to wait for an event where the kernel tells of each folder.
const TOLD: Duration = Duration::from_secs(2);
/// How long changes that come together are let come.
const TOGETHER: Duration = Duration::from_millis(20);
/// Names that come and go, and files that a writer has closed. Not every write: a file that is being written is
/// looked at again until it stands still.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::MOVE_SELF);

/// Waits for changes in a few folders.
#[derive(Debug)]
pub struct FolderEvents {
    /// None where the kernel does not tell at all: it counts such instances for each user.
    events: Option<AsyncFd<OwnedFd>>,
    folders: Vec<PathBuf>,
    watches: BTreeSet<i32>,
}

impl FolderEvents {
    /// Events of these folders, which need not exist.
    pub fn of(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let events = events
            .map_err(std::io::Error::from)
            .and_then(registered)
            .inspect_err(
                |error| tracing::info!(%error, "folders are polled: the kernel does not tell of changes"),
            );
        let mut events = Self {
            events: events.ok(),
            folders: folders.into_iter().collect(),
            watches: BTreeSet::new(),
        };
        events.watch();
        events
    }

    /// Ends when something may have changed: at an event, or after `poll` for folders of which the kernel does not tell.
    pub async fn next(&mut self, poll: Duration) {
        let before = self.watches.clone();
        let is_told = self.watch();
        if !self.watches.is_subset(&before) {
            // A folder came, or came back: what it got before it was watched was told by nobody.
            return;
        }
        let limit = if is_told { TOLD.max(poll) } else { poll };
        let Some(events) = &self.events else {
            return tokio::time::sleep(limit).await;
        };
        if let Ok(Ok(mut ready)) = tokio::time::timeout(limit, events.readable()).await {
            tokio::time::sleep(TOGETHER).await;
            let mut told = [0_u8; 4096];
            while rustix::io::read(events.get_ref(), &mut told).is_ok_and(|bytes| bytes > 0) {}
            ready.clear_ready();
        }
    }

    /// Asks for the events of each folder, of those as well that are other folders than before under the same name.
    /// Answers whether all of them are told of.
    fn watch(&mut self) -> bool {
        let Some(events) = &self.events else {
            return false;
        };
        let mut is_told = true;
        let mut watches = BTreeSet::new();
        for folder in &self.folders {
            match watch_or_above(events.get_ref(), folder) {
                Some(watch) => {
                    watches.insert(watch);
                }
                None => is_told = false,
            }
        }
        for gone in self.watches.difference(&watches) {
            // The kernel has forgotten it already if its folder is gone.
            inotify::remove_watch(events.get_ref(), *gone).ok();
        }
        self.watches = watches;
        is_told
    }
}

/// Has the runtime wait for it.
fn registered(events: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: it is open for as long as it is owned, and nothing takes it out or puts another in its place.
    #[expect(
        unsafe_code,
        reason = "the runtime has no safe form for what it does not know"
    )]
    let registered = unsafe { AsyncFd::register(events) };
    registered.map_err(Into::into)
}

/// Watches a folder, or the one above in which it would appear.
fn watch_or_above(events: &OwnedFd, folder: &Path) -> Option<i32> {
    folder
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty())
        .find_map(|path| match inotify::add_watch(events, path, CHANGES) {
            Ok(watch) => Some(Some(watch)),
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(_) => Some(None),
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test takes: whatever ends before is an event.
    const NEVER: Duration = Duration::from_secs(3_600);

    async fn is_told(events: &mut FolderEvents) -> bool {
        let limit = TOLD / 2;
        tokio::time::timeout(limit, events.next(NEVER))
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn renamed_file_is_told_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut events = FolderEvents::of([folder.path().to_owned()]);
        std::fs::write(folder.path().join("a.new"), "a").expect("written");
        std::fs::rename(folder.path().join("a.new"), folder.path().join("a")).expect("renamed");
        assert!(is_told(&mut events).await);
        assert!(!is_told(&mut events).await, "it is told once");
    }

    #[tokio::test]
    async fn folder_that_comes_later_is_watched_from_then_on() {
        let above = tempfile::tempdir().expect("a folder");
        let folder = above.path().join("below/gates");
        let mut events = FolderEvents::of([folder.clone()]);
        std::fs::create_dir_all(&folder).expect("made");
        assert!(is_told(&mut events).await);
        // Whatever it takes to have the new folder watched ends with a wait in which nothing is told.
        while is_told(&mut events).await {}
        std::fs::write(folder.join("a"), "a").expect("written");
        assert!(is_told(&mut events).await);
        std::fs::remove_dir_all(&folder).expect("removed");
        assert!(is_told(&mut events).await);
        std::fs::create_dir_all(&folder).expect("made");
        assert!(is_told(&mut events).await);
        while is_told(&mut events).await {}
        std::fs::write(folder.join("b"), "b").expect("written");
        assert!(is_told(&mut events).await);
    }

    #[tokio::test]
    async fn folders_are_looked_at_without_events_as_well() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut events = FolderEvents::of([folder.path().to_owned()]);
        events.events = None;
        let begun = tokio::time::Instant::now();
        events.next(Duration::from_millis(30)).await;
        events.next(Duration::from_millis(30)).await;
        assert!(begun.elapsed() < NEVER);
    }
}
