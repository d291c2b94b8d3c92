//! The way from a node to a stream, and every place where it can break: nothing stays open, and the error says what to do.

use crate::capture::Keep;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use super::bench::{Bench, NODE, refused, request, yuyv};
use crate::Fourcc;
use crate::capture::{CapturedFrame, Outlet, SourceEnd};
use crate::error::{Error, ErrorName};
use crate::format::FrameRate;
use crate::seam::InputStatus;
use crate::seam::scripted::{Call, FOREVER, Frame, pixels};

/// Every call on the way.
const WAY: [Call; 9] = [
    Call::Open,
    Call::QueryCapability,
    Call::SetFormat,
    Call::RequestBuffers,
    Call::QueryBuffer,
    Call::Map,
    Call::QueueBuffer,
    Call::StreamOn,
    Call::GetControl,
];

#[test]
fn a_start_that_breaks_anywhere_closes_the_device_and_frees_its_buffers() {
    for errno in [Errno::EIO, Errno::EBUSY, Errno::ENODEV, Errno::ENOMEM, Errno::EINVAL, Errno::EACCES, Errno::ENOSPC] {
        for call in WAY {
            for after in [0, 1, 3] {
                let bench = Bench::new(yuyv());
                bench.camera.fail_after(after, call, errno, FOREVER);
                if let Ok(source) = bench.open() {
                    // Calls that are made fewer times than this, or that may fail.
                    assert!(after > 0 || call == Call::GetControl, "{call:?} failed and the stream began");
                    drop(source);
                }
                bench.assert_closed();
                assert_eq!(bench.camera.mappings(), 0, "{call:?} {errno} after {after}");
            }
        }
    }
}

#[test]
fn a_loopback_without_a_writer_keeps_the_format_that_its_writer_will_choose() {
    let mut camera = yuyv();
    camera.driver = "v4l2 loopback".to_owned();
    camera.input = Some(InputStatus::NO_SIGNAL);
    let bench = Bench::new(camera);
    // A format that is set, even to what it is, is held until the node is closed.
    bench.camera.fail(Call::SetFormat, Errno::ENOMEM, FOREVER);
    let error = bench.open().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EIO as i32), "{error}");
    assert!(error.message().contains("no program writes to"), "{error}");
    bench.assert_closed();
}

#[test]
fn a_start_after_a_failed_one_works() {
    for call in WAY {
        let bench = Bench::new(yuyv());
        bench.camera.fail(call, Errno::EIO, 1);
        let _ = bench.open();
        let source = bench.open().unwrap();
        assert_eq!(bench.camera.run(3), 3, "{call:?}");
        assert_eq!(source.statistics().accepted, 3);
        drop(source);
        bench.assert_closed();
    }
}

#[test]
fn signals_interrupt_nothing() {
    let bench = Bench::new(yuyv());
    for &call in Call::ALL {
        bench.camera.fail(call, Errno::EINTR, 3);
    }
    let source = bench.open().unwrap();
    assert_eq!(bench.camera.run(5), 5);
    assert_eq!(source.statistics().accepted, 5);
    drop(source);
    bench.assert_closed();
}

#[test]
fn every_refusal_names_its_cause() {
    let cases = [
        (Call::Open, Errno::EACCES, ErrorName::NotAllowedError, "permission"),
        (Call::SetFormat, Errno::EBUSY, ErrorName::NotReadableError, "in use"),
        (Call::RequestBuffers, Errno::EBUSY, ErrorName::NotReadableError, "in use"),
        (Call::StreamOn, Errno::EBUSY, ErrorName::NotReadableError, "in use"),
        (Call::StreamOn, Errno::ENOSPC, ErrorName::NotReadableError, "USB bus"),
        (Call::StreamOn, Errno::EPIPE, ErrorName::NotReadableError, "media pipeline"),
        (Call::RequestBuffers, Errno::ENOMEM, ErrorName::NotReadableError, "memory"),
        (Call::SetFormat, Errno::ENODEV, ErrorName::NotReadableError, "gone"),
    ];
    for (call, errno, name, word) in cases {
        let bench = Bench::new(yuyv());
        bench.camera.fail(call, errno, FOREVER);
        let error = refused(bench.open());
        assert_eq!((error.name(), error.errno()), (name, Some(errno as i32)), "{call:?} {errno}");
        assert!(error.message().contains(word) && error.remedy().is_some(), "{error}");
        assert_eq!(error.path(), Some(NODE));
    }
}

#[test]
fn a_rate_that_cannot_be_set_is_not_fatal() {
    for call in [Call::SetInterval, Call::GetInterval] {
        let bench = Bench::new(yuyv());
        bench.camera.fail(call, Errno::EINVAL, FOREVER);
        let _source = bench.open().unwrap();
        assert_eq!(bench.camera.run(3), 3, "{call:?}");
    }
    let bench = Bench::new(yuyv());
    bench.camera.change(|camera| camera.interval = None);
    let source = bench.open().unwrap();
    assert_eq!(source.format().frame_rate, None);
    assert_eq!(bench.camera.run(3), 3);
    assert_eq!(source.statistics().accepted, 3);
}

#[test]
fn the_rate_is_the_one_read_back() {
    let bench = Bench::new(yuyv());
    let asked = crate::capture::CameraRequest { frame_rate: FrameRate::new(15, 2), ..request(None) };
    let source = bench.engine.open(asked.clone(), Box::new(|_| Ok(())), Keep::not(), bench.keeper.clone()).unwrap();
    assert_eq!(source.format().frame_rate, FrameRate::new(15, 2));
    drop(source);
    bench.camera.change(|camera| {
        camera.settable = false;
        camera.interval = Some(crate::seam::Fraction { numerator: 1001, denominator: 30_000 });
    });
    let source = bench.engine.open(asked, Box::new(|_| Ok(())), Keep::not(), bench.keeper.clone()).unwrap();
    assert_eq!(source.format().frame_rate, FrameRate::new(30_000, 1001));
}

#[test]
fn another_size_than_asked_for_is_put_to_whoever_asked() {
    let bench = Bench::new(yuyv());
    bench.camera.change(|camera| camera.answers = Some(pixels(Fourcc::YUYV, 32, 24)));
    let refuse = |format: &std::sync::Arc<crate::capture::VideoFormat>| {
        assert_eq!((format.width, format.height), (32, 24));
        Err(Error::new(ErrorName::OverconstrainedError, "too small"))
    };
    let error = refused(bench.engine.open(request(None), Box::new(refuse), Keep::not(), bench.keeper.clone()));
    assert_eq!(error.name(), ErrorName::OverconstrainedError);
    assert_eq!(bench.camera.calls(Call::RequestBuffers), 0, "judged before buffers exist");
    bench.assert_closed();
    let source = bench.open().unwrap();
    assert_eq!((source.format().width, source.format().height), (32, 24));
    assert_eq!(bench.camera.run(2), 2);
    assert_eq!(source.statistics().accepted, 2);
}

#[test]
fn an_impossible_answer_is_refused() {
    for (width, height, planes) in [(0, 48, 1), (64, 0, 1), (64, 48, 0), (64, 48, 9)] {
        let bench = Bench::new(yuyv());
        let mut answer = pixels(Fourcc::YUYV, 64, 48);
        (answer.width, answer.height, answer.plane_count) = (width, height, planes);
        bench.camera.change(|camera| camera.answers = Some(answer));
        assert_eq!(refused(bench.open()).name(), ErrorName::NotReadableError);
        bench.assert_closed();
    }
}

#[test]
fn fewer_buffers_than_asked_for_will_do() {
    for granted in [1, 2, 3] {
        let bench = Bench::new(yuyv());
        bench.camera.change(|camera| camera.granted = Some(granted));
        let source = bench.open().unwrap();
        assert_eq!(bench.camera.run(10), 10, "{granted} buffers");
        assert_eq!(source.statistics().accepted, 10);
    }
}

#[test]
fn more_buffers_than_asked_for_are_all_used() {
    let bench = Bench::new(yuyv());
    bench.camera.change(|camera| camera.granted = Some(16));
    let _source = bench.open_with(Some(4)).unwrap();
    assert_eq!(bench.camera.queued(), 16);
}

#[test]
fn no_buffer_at_all_is_an_error() {
    let bench = Bench::new(yuyv());
    bench.camera.change(|camera| camera.granted = Some(0));
    assert_eq!(refused(bench.open()).errno(), Some(Errno::ENOMEM as i32));
    bench.assert_closed();
}

#[test]
fn a_number_of_buffers_beyond_reason_costs_nothing() {
    let bench = Bench::new(yuyv());
    bench.camera.change(|camera| camera.min_buffers = Some(i32::MAX));
    let _source = bench.open_with(Some(u32::MAX)).unwrap();
    assert_eq!(bench.camera.queued(), 32);
}

#[test]
fn a_node_that_is_no_camera_any_more_is_refused() {
    let bench = Bench::new(yuyv());
    bench.camera.unplug();
    assert_eq!(refused(bench.open()).errno(), Some(Errno::ENOENT as i32));
    assert_eq!(Arc::strong_count(&bench.keeper), 1, "nobody keeps the one who asked");
}

#[test]
fn three_cameras_share_one_capture_thread() {
    let bench = Bench::new(yuyv());
    let others = ["/dev/video1", "/dev/video2"].map(|node| (node, bench.kernel.plug(node, yuyv())));
    let threads = Arc::new(Mutex::new(BTreeSet::new()));
    let open = |path: &str| {
        let request = crate::capture::CameraRequest { path: path.to_owned(), ..request(None) };
        bench.engine.open(request, Box::new(|_| Ok(())), Keep::not(), Arc::new(WhereAmI(threads.clone()))).unwrap()
    };
    let sources = [open(NODE), open(others[0].0), open(others[1].0)];
    for _ in 0..20 {
        bench.camera.run(1);
        for (_, camera) in &others {
            assert!(camera.give(Frame::good()));
        }
    }
    assert!(sources.iter().all(|source| source.statistics().accepted == 20));
    assert_eq!(threads.lock().unwrap().len(), 1, "one thread for all");
    drop(sources);
    bench.assert_closed();
    assert!(others.iter().all(|(_, camera)| camera.open_count() == 0));
}

/// Notes on which threads frames come.
struct WhereAmI(Arc<Mutex<BTreeSet<String>>>);

impl Outlet<CapturedFrame> for WhereAmI {
    fn give(&self, _: &CapturedFrame, _: u64) {
        let thread = std::thread::current();
        self.0.lock().unwrap().insert(format!("{:?} {:?}", thread.id(), thread.name()));
    }

    fn ended(&self, _: SourceEnd) {}
}

#[test]
fn buffers_are_cached_where_the_driver_lets_the_kernel_keep_caches_true() {
    for hints in [true, false] {
        let mut camera = yuyv();
        camera.cache_hints = hints;
        let bench = Bench::new(camera);
        let _source = bench.open().unwrap();
        assert_eq!(bench.camera.is_non_coherent(), hints);
        assert_eq!(bench.camera.run(3), 3);
    }
}
