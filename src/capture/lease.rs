//! Who has a buffer: the driver, a consumer, or nobody. Pure bookkeeping, checked under loom.
//!
//! A buffer is *queued* (the driver may write to it), *leased* (its holders may read it, nobody writes) or *returned*
//! (it lies idle, waiting for the next start). Three threads meet here: the reactor leases what the driver gave, any
//! thread drops the last holder, and the control thread stops and starts. Two rules make that safe:
//!
//! - A dropper first marks the buffer returned, then tries the gate; a starter first opens the gate, then looks for
//!   returned buffers. Whichever is later sees the other, and one compare-and-swap decides who queues the buffer.
//! - The descriptor may be used by a dropper only inside the gate. A stopper closes the gate and waits until nobody is
//!   inside, so that STREAMOFF, REQBUFS(0) and close never meet a late QBUF.

use super::sync::{AtomicU8, AtomicUsize, Condvar, Mutex, Ordering};

const RETURNED: u8 = 0;
const QUEUED: u8 = 1;
const LEASED: u8 = 2;

/// The gate's bit that says it is open; the bits below count who is inside.
const OPEN: usize = 1 << (usize::BITS - 1);

/// A counted door in front of the device's descriptor.
#[derive(Debug)]
struct Gate {
    word: AtomicUsize,
    empty: (Mutex<()>, Condvar),
}

impl Gate {
    fn new() -> Self {
        Self { word: AtomicUsize::new(0), empty: (Mutex::new(()), Condvar::new()) }
    }

    fn open(&self) {
        self.word.fetch_or(OPEN, Ordering::SeqCst);
    }

    /// Goes in, if it is open. Every `true` is followed by one [`Gate::leave`].
    fn enter(&self) -> bool {
        if self.word.fetch_add(1, Ordering::SeqCst) & OPEN != 0 {
            return true;
        }
        self.leave();
        false
    }

    fn leave(&self) {
        // Only the last one out of a closed gate can have someone waiting for it.
        if self.word.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _guard = self.empty.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            self.empty.1.notify_all();
        }
    }

    /// Closes it and waits until nobody is inside. Whoever is inside is in one QBUF.
    fn close(&self) {
        let before = self.word.fetch_and(!OPEN, Ordering::SeqCst);
        if before & !OPEN == 0 {
            return;
        }
        let mut guard = self.empty.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while self.word.load(Ordering::SeqCst) != 0 {
            guard = self.empty.1.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }
}

#[derive(Debug)]
struct Slot {
    state: AtomicU8,
    holders: AtomicUsize,
}

/// The books of one generation of buffers.
#[derive(Debug)]
pub(super) struct Ledger {
    gate: Gate,
    slots: Box<[Slot]>,
    queued: AtomicUsize,
}

impl Ledger {
    /// `count` buffers, all returned, the gate closed.
    pub(super) fn new(count: usize) -> Self {
        let slot = |_| Slot { state: AtomicU8::new(RETURNED), holders: AtomicUsize::new(0) };
        Self { gate: Gate::new(), slots: (0..count).map(slot).collect(), queued: AtomicUsize::new(0) }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.slots.len()
    }

    /// How many the driver has.
    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::SeqCst)
    }

    /// How many are leased to someone.
    #[cfg(test)]
    pub(super) fn leased(&self) -> usize {
        self.slots.iter().filter(|slot| slot.state.load(Ordering::SeqCst) == LEASED).count()
    }

    /// Lets droppers queue buffers again. Call before [`Ledger::queue_returned`].
    pub(super) fn open(&self) {
        self.gate.open();
    }

    /// Keeps droppers from the descriptor: when this returns, none is using it and none will.
    pub(super) fn close(&self) {
        self.gate.close();
    }

    /// Does something with the descriptor, if the gate is open: it does not close until that is done.
    pub(super) fn while_open<T>(&self, act: impl FnOnce() -> T) -> Option<T> {
        self.gate.enter().then(|| {
            let done = act();
            self.gate.leave();
            done
        })
    }

    /// Hands every returned buffer to `queue` (QBUF). The first failure is returned; that buffer stays returned.
    pub(super) fn queue_returned<E>(&self, mut queue: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
        (0..self.slots.len()).try_for_each(|index| self.queue_one(index, &mut queue))
    }

    /// After STREAMOFF: the driver has given back all it had.
    pub(super) fn reclaim(&self) {
        for slot in &self.slots {
            if slot.state.compare_exchange(QUEUED, RETURNED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                self.queued.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// The driver gave a buffer: it is now leased, with one holder. `false` where the driver did not have it: an index
    /// out of range, or one given twice.
    pub(super) fn lease(&self, index: usize) -> bool {
        self.begin(index, QUEUED) && {
            self.queued.fetch_sub(1, Ordering::SeqCst);
            true
        }
    }

    /// Leases any returned buffer: for pools that no driver fills.
    pub(super) fn lease_returned(&self) -> Option<usize> {
        (0..self.slots.len()).find(|&index| self.begin(index, RETURNED))
    }

    fn begin(&self, index: usize, from: u8) -> bool {
        let Some(slot) = self.slots.get(index) else { return false };
        let ours = slot.state.compare_exchange(from, LEASED, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if ours {
            slot.holders.store(1, Ordering::SeqCst);
        }
        ours
    }

    /// One more holder of a leased buffer; the caller is one already.
    pub(super) fn retain(&self, index: usize) {
        // Relaxed as in `Arc`: a new holder can only come from an existing one.
        self.slots[index].holders.fetch_add(1, Ordering::Relaxed);
    }

    /// One holder fewer. The last one has the buffer queued again by `queue` (QBUF) while the gate is open, and leaves
    /// it returned otherwise. The error is `queue`'s; the buffer is then returned.
    pub(super) fn release<E>(&self, index: usize, queue: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
        let slot = &self.slots[index];
        if slot.holders.fetch_sub(1, Ordering::SeqCst) != 1 {
            return Ok(());
        }
        slot.state.store(RETURNED, Ordering::SeqCst);
        self.while_open(|| self.queue_one(index, queue)).unwrap_or(Ok(()))
    }

    fn queue_one<E>(&self, index: usize, mut queue: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
        let slot = &self.slots[index];
        if slot.state.compare_exchange(RETURNED, QUEUED, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Ok(());
        }
        // Counted before the call: the reactor may lease the buffer before QBUF has returned here.
        self.queued.fetch_add(1, Ordering::SeqCst);
        queue(index).inspect_err(|_| {
            self.queued.fetch_sub(1, Ordering::SeqCst);
            slot.state.store(RETURNED, Ordering::SeqCst);
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn started(count: usize) -> Ledger {
        let ledger = Ledger::new(count);
        ledger.open();
        ledger.queue_returned(|_| Ok::<_, ()>(())).unwrap();
        ledger
    }

    #[test]
    fn the_last_holder_queues_the_buffer_back() {
        let ledger = started(2);
        let queued = RefCell::new(Vec::new());
        let queue = |index| {
            queued.borrow_mut().push(index);
            Ok::<_, ()>(())
        };
        assert!(ledger.lease(1));
        ledger.retain(1);
        ledger.release(1, queue).unwrap();
        assert_eq!((queued.borrow().len(), ledger.queued(), ledger.leased()), (0, 1, 1));
        ledger.release(1, queue).unwrap();
        assert_eq!((queued.borrow().as_slice(), ledger.queued(), ledger.leased()), ([1].as_slice(), 2, 0));
    }

    #[test]
    fn an_index_given_twice_or_out_of_range_is_no_lease() {
        let ledger = started(2);
        assert!(ledger.lease(0));
        assert!(!ledger.lease(0));
        assert!(!ledger.lease(2));
        assert!(!ledger.lease(usize::MAX));
    }

    #[test]
    fn a_drop_after_the_stop_leaves_the_buffer_for_the_next_start() {
        let ledger = started(2);
        assert!(ledger.lease(0));
        ledger.close();
        ledger.reclaim();
        assert_eq!(ledger.queued(), 0);
        ledger.release(0, |_| Err("queued while stopped")).unwrap();
        ledger.open();
        let mut queued = Vec::new();
        ledger
            .queue_returned(|index| {
                queued.push(index);
                Ok::<_, ()>(())
            })
            .unwrap();
        assert_eq!(queued, [0, 1]);
    }

    #[test]
    fn a_failed_queue_leaves_the_buffer_returned() {
        let ledger = started(1);
        assert!(ledger.lease(0));
        assert_eq!(ledger.release(0, |_| Err("gone")), Err("gone"));
        assert_eq!((ledger.queued(), ledger.leased()), (0, 0));
        assert_eq!(ledger.lease_returned(), Some(0));
        assert_eq!(ledger.lease_returned(), None);
    }
}

/// `make loom`
#[cfg(all(test, loom))]
mod loom_models {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use loom::thread;

    use super::Ledger;

    /// A driver that notices what must never happen: a QBUF on a closed descriptor, or of a buffer it already has.
    struct Driver {
        open: AtomicBool,
        has: [AtomicBool; 2],
        calls: AtomicUsize,
    }

    impl Driver {
        fn new() -> Self {
            Self {
                open: AtomicBool::new(true),
                has: [AtomicBool::new(false), AtomicBool::new(false)],
                calls: AtomicUsize::new(0),
            }
        }

        fn queue(&self, index: usize) -> Result<(), ()> {
            assert!(self.open.load(Ordering::SeqCst), "QBUF on a closed descriptor");
            assert!(!self.has[index].swap(true, Ordering::SeqCst), "QBUF of a buffer the driver has");
            self.calls.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }

        fn give(&self, index: usize) {
            assert!(self.has[index].swap(false, Ordering::SeqCst));
        }

        fn stream_off(&self) {
            for has in &self.has {
                has.store(false, Ordering::SeqCst);
            }
        }
    }

    fn started(count: usize) -> (Arc<Ledger>, Arc<Driver>) {
        let (ledger, driver) = (Arc::new(Ledger::new(count)), Arc::new(Driver::new()));
        ledger.open();
        ledger.queue_returned(|index| driver.queue(index)).unwrap();
        (ledger, driver)
    }

    /// A holder lets go on a thread of its own.
    fn drop_elsewhere(ledger: &Arc<Ledger>, driver: &Arc<Driver>, index: usize) -> thread::JoinHandle<()> {
        let (ledger, driver) = (ledger.clone(), driver.clone());
        thread::spawn(move || ledger.release(index, |index| driver.queue(index)).unwrap())
    }

    fn lease(ledger: &Ledger, driver: &Driver, index: usize) {
        driver.give(index);
        assert!(ledger.lease(index));
    }

    #[test]
    fn loom_two_holders_drop_at_once_and_the_buffer_is_queued_once() {
        loom::model(|| {
            let (ledger, driver) = started(1);
            lease(&ledger, &driver, 0);
            ledger.retain(0);
            let other = drop_elsewhere(&ledger, &driver, 0);
            ledger.release(0, |index| driver.queue(index)).unwrap();
            other.join().unwrap();
            assert_eq!(driver.calls.load(Ordering::SeqCst), 2);
            assert_eq!((ledger.queued(), ledger.leased()), (1, 0));
        });
    }

    #[test]
    fn loom_a_late_drop_never_touches_the_descriptor_after_the_stop() {
        loom::model(|| {
            let (ledger, driver) = started(2);
            lease(&ledger, &driver, 0);
            let dropper = drop_elsewhere(&ledger, &driver, 0);
            ledger.close();
            driver.stream_off();
            ledger.reclaim();
            driver.open.store(false, Ordering::SeqCst);
            dropper.join().unwrap();
            assert_eq!((ledger.queued(), ledger.leased()), (0, 0));
        });
    }

    #[test]
    fn loom_a_drop_during_a_restart_loses_no_buffer_and_queues_none_twice() {
        loom::model(|| {
            let (ledger, driver) = started(2);
            lease(&ledger, &driver, 0);
            let dropper = drop_elsewhere(&ledger, &driver, 0);
            ledger.close();
            driver.stream_off();
            ledger.reclaim();
            ledger.open();
            ledger.queue_returned(|index| driver.queue(index)).unwrap();
            dropper.join().unwrap();
            assert_eq!((ledger.queued(), ledger.leased()), (2, 0));
            assert!(driver.has.iter().all(|has| has.load(Ordering::SeqCst)));
        });
    }

    #[test]
    fn loom_a_drop_from_two_threads_while_stopping_leaves_all_returned() {
        // Three threads have more interleavings than a machine has hours: all those with up to three preemptions.
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let (ledger, driver) = started(2);
            lease(&ledger, &driver, 0);
            lease(&ledger, &driver, 1);
            let droppers: Vec<_> = (0..2).map(|index| drop_elsewhere(&ledger, &driver, index)).collect();
            ledger.close();
            driver.stream_off();
            ledger.reclaim();
            driver.open.store(false, Ordering::SeqCst);
            for dropper in droppers {
                dropper.join().unwrap();
            }
            assert_eq!((ledger.queued(), ledger.leased()), (0, 0));
        });
    }
}
