//! Early answers: requests that the plugin will most likely make, sent while it works on the page before.
//!
//! Only GET is sent early, and only a 2xx is kept. An answer is used once, for the same request in method, URL, query
//! and headers. The newest list is the whole list: what it does not name is dropped.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connector_egress::Rule;

use super::Sender;
use crate::bindings::http::{HttpError, Request, Response};

/// A sender that answers from what was sent early, where it can.
pub(crate) struct Ahead {
    sender: Arc<dyn Sender>,
    table: Arc<Table>,
    wake: Option<mpsc::Sender<()>>,
    workers: Vec<JoinHandle<()>>,
}

struct Table {
    entries: Mutex<Vec<Entry>>,
    changed: Condvar,
}

struct Entry {
    request: Request,
    state: State,
}

enum State {
    Waiting,
    UnderWay,
    Ready(Response),
}

impl Ahead {
    /// `in_flight`: most early requests at once; each has `time` for its answer.
    pub(crate) fn new(sender: Arc<dyn Sender>, in_flight: usize, time: Duration) -> Self {
        let table = Arc::new(Table { entries: Mutex::default(), changed: Condvar::new() });
        let (wake, woken) = mpsc::channel();
        let woken = Arc::new(Mutex::new(woken));
        let workers = (0..in_flight)
            .map(|_| {
                let (sender, table, woken) = (sender.clone(), table.clone(), woken.clone());
                std::thread::spawn(move || work(&*sender, &table, &woken, time))
            })
            .collect();
        Ahead { sender, table, wake: Some(wake), workers }
    }

    /// Takes the newest list. Those of it that are known already stay as they are.
    pub(crate) fn plan(&self, requests: Vec<Request>) {
        let mut entries = self.table.lock();
        let mut known = std::mem::take(&mut *entries);
        for request in requests.into_iter().filter(|request| request.method == "GET") {
            let position = known.iter().position(|entry| entry.request == request);
            entries.push(if let Some(position) = position {
                known.swap_remove(position)
            } else {
                if let Some(wake) = &self.wake {
                    // The workers end only with the sender of this channel.
                    let _ = wake.send(());
                }
                Entry { request, state: State::Waiting }
            });
        }
        self.table.changed.notify_all();
    }

    /// The early answer to a request, if there is one or one is under way.
    fn take(&self, request: &Request, deadline: Instant) -> Option<Response> {
        let mut entries = self.table.lock();
        loop {
            let position = entries.iter().position(|entry| entry.request == *request)?;
            match entries[position].state {
                State::Ready(_) => match entries.swap_remove(position).state {
                    State::Ready(response) => return Some(response),
                    State::Waiting | State::UnderWay => return None,
                },
                State::Waiting => {
                    entries.swap_remove(position);
                    return None;
                }
                State::UnderWay => {
                    let left = deadline.checked_duration_since(Instant::now())?;
                    entries = self
                        .table
                        .changed
                        .wait_timeout(entries, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
            }
        }
    }
}

impl Sender for Ahead {
    fn send(&self, request: &Request, deadline: Instant) -> Result<Response, HttpError> {
        match self.take(request, deadline) {
            Some(response) => Ok(response),
            None => self.sender.send(request, deadline),
        }
    }

    fn refuse(&self, request: &Request, rule: Rule) {
        self.sender.refuse(request, rule);
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.table.lock().clear();
        self.wake = None;
        for worker in self.workers.drain(..) {
            // A worker that panicked has nothing to clean up.
            let _ = worker.join();
        }
    }
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(sender: &dyn Sender, table: &Table, woken: &Mutex<Receiver<()>>, time: Duration) {
    loop {
        let signal = woken.lock().unwrap_or_else(PoisonError::into_inner).recv();
        if signal.is_err() {
            return;
        }
        let request = {
            let mut entries = table.lock();
            let waiting = entries.iter_mut().find(|entry| matches!(entry.state, State::Waiting));
            let Some(entry) = waiting else { continue };
            entry.state = State::UnderWay;
            entry.request.clone()
        };
        let answer = sender.send(&request, Instant::now() + time);
        let mut entries = table.lock();
        let position = entries
            .iter()
            .position(|entry| entry.request == request && matches!(entry.state, State::UnderWay));
        if let Some(position) = position {
            match answer {
                Ok(response) if (200..300).contains(&response.status) => {
                    entries[position].state = State::Ready(response);
                }
                Ok(_) | Err(_) => {
                    entries.swap_remove(position);
                }
            }
        }
        drop(entries);
        table.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;
    use crate::bindings::http::Body;

    /// Answers with the URL, and counts how often it was asked for it.
    #[derive(Default)]
    struct Echo {
        asked: Mutex<Vec<String>>,
        status: u16,
        /// The first request says here that it is under way, and then waits until it may go on.
        first: Option<(Barrier, Barrier)>,
    }

    impl Sender for Echo {
        fn send(&self, request: &Request, _deadline: Instant) -> Result<Response, HttpError> {
            let count = {
                let mut asked = self.asked.lock().expect("no panic");
                asked.push(request.url.clone());
                asked.len()
            };
            if let (1, Some((under_way, go_on))) = (count, &self.first) {
                under_way.wait();
                go_on.wait();
            }
            Ok(Response {
                status: self.status,
                headers: Vec::new(),
                retry_after_ms: None,
                body: Body::Text(request.url.clone()),
            })
        }

        fn refuse(&self, _request: &Request, _rule: Rule) {}
    }

    fn get(url: &str) -> Request {
        Request {
            method: "GET".into(),
            url: url.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        }
    }

    fn deadline() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    /// Waits until nothing is under way.
    fn settle(ahead: &Ahead) {
        let mut entries = ahead.table.lock();
        while entries.iter().any(|entry| !matches!(entry.state, State::Ready(_))) {
            entries = ahead.table.changed.wait(entries).expect("no panic");
        }
    }

    #[test]
    fn an_early_answer_is_used_once() {
        let echo = Arc::new(Echo { status: 200, ..Echo::default() });
        let ahead = Ahead::new(echo.clone(), 2, Duration::from_mins(1));
        ahead.plan(vec![get("a"), get("b")]);
        settle(&ahead);
        assert_eq!(echo.asked.lock().expect("no panic").len(), 2);
        assert!(ahead.send(&get("a"), deadline()).is_ok());
        assert_eq!(echo.asked.lock().expect("no panic").len(), 2);
        assert!(ahead.send(&get("a"), deadline()).is_ok());
        assert_eq!(echo.asked.lock().expect("no panic").len(), 3);
    }

    #[test]
    fn the_newest_list_is_the_whole_list() {
        let echo = Arc::new(Echo { status: 200, ..Echo::default() });
        let ahead = Ahead::new(echo.clone(), 1, Duration::from_mins(1));
        ahead.plan(vec![get("a"), get("b")]);
        settle(&ahead);
        ahead.plan(vec![get("b")]);
        settle(&ahead);
        ahead.send(&get("a"), deadline()).expect("an answer");
        ahead.send(&get("b"), deadline()).expect("an answer");
        assert_eq!(*echo.asked.lock().expect("no panic"), ["a", "b", "a"]);
    }

    #[test]
    fn an_answer_that_is_dropped_under_way_is_asked_for_again() {
        let first = Some((Barrier::new(2), Barrier::new(2)));
        let echo = Arc::new(Echo { status: 200, first, ..Echo::default() });
        let ahead = Ahead::new(echo.clone(), 1, Duration::from_mins(1));
        ahead.plan(vec![get("a")]);
        let (under_way, go_on) = echo.first.as_ref().expect("two gates");
        under_way.wait();
        ahead.plan(Vec::new());
        assert!(ahead.send(&get("a"), deadline()).is_ok());
        assert_eq!(*echo.asked.lock().expect("no panic"), ["a", "a"]);
        go_on.wait();
    }

    #[test]
    fn only_a_success_of_a_get_is_kept() {
        let echo = Arc::new(Echo { status: 429, ..Echo::default() });
        let ahead = Ahead::new(echo.clone(), 1, Duration::from_mins(1));
        ahead.plan(vec![get("a"), Request { method: "POST".into(), ..get("b") }]);
        settle(&ahead);
        assert!(ahead.table.lock().is_empty());
        assert_eq!(*echo.asked.lock().expect("no panic"), ["a"]);
    }
}
