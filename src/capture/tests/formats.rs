//! Frames in one, two and three memory planes.

use super::bench::{Bench, NODE, refused};
use crate::Fourcc;
use crate::capture::CameraRequest;
use crate::capture::Keep;
use crate::seam::scripted::{Frame, ScriptedCamera, mark, pixels};

fn open(fourcc: &[u8; 4]) -> (Bench, crate::capture::Source<crate::capture::CapturedFrame>) {
    let mut camera = ScriptedCamera::new(fourcc, 64, 48);
    camera.multiplanar = true;
    let bench = Bench::keeping(1, camera);
    let source = bench.engine.open(request(fourcc), Box::new(|_| Ok(())), Keep::not(), bench.keeper.clone()).unwrap();
    (bench, source)
}

fn request(fourcc: &[u8; 4]) -> CameraRequest {
    CameraRequest {
        path: NODE.to_owned(),
        fourcc: Some(Fourcc(*fourcc)),
        width: 64,
        height: 48,
        frame_rate: None,
        buffers: None,
        controls: Vec::new(),
        raw: false,
        synthetic: false,
    }
}

#[test]
fn a_frame_has_as_many_pieces_as_the_driver_maps() {
    for (fourcc, lengths) in [(b"NV12", &[4608][..]), (b"NM12", &[3072, 1536]), (b"YM12", &[3072, 768, 768])] {
        let (bench, source) = open(fourcc);
        assert_eq!(source.format().memory_count, lengths.len());
        assert_eq!(bench.camera.mappings(), 6 * lengths.len());
        bench.camera.run(2);
        let frame = bench.keeper.take().remove(0);
        for (memory, &length) in lengths.iter().enumerate() {
            assert_eq!(frame.info.payloads[memory].length as usize, length);
            assert!(frame.lease.bytes(memory, 0, length).unwrap().iter().all(|&byte| byte == mark(1)));
            assert!(frame.lease.bytes(memory, 1, length).is_none(), "not a byte beyond");
        }
        assert!(frame.lease.bytes(lengths.len(), 0, 0).is_none());
        assert_eq!(source.statistics().bytes, 2 * lengths.iter().sum::<usize>() as u64);
        drop((frame, source));
        bench.assert_closed();
        assert_eq!(bench.camera.mappings(), 0);
    }
}

#[test]
fn copies_have_all_pieces_too() {
    let (bench, source) = open(b"YM12");
    let held: Vec<_> = (0..6)
        .flat_map(|_| {
            bench.camera.run(1);
            bench.keeper.take()
        })
        .collect();
    let copy = held.last().unwrap();
    assert!(copy.info.copied);
    for (memory, length) in [3072, 768, 768].into_iter().enumerate() {
        assert!(copy.lease.bytes(memory, 0, length).unwrap().iter().all(|&byte| byte == mark(5)));
    }
    drop((held, source));
    bench.assert_closed();
}

#[test]
fn a_frame_in_another_number_of_pieces_is_rejected() {
    let (bench, source) = open(b"NM12");
    for count in [0, 1, 3, 8, 9, u32::MAX] {
        bench.camera.next(Frame::good().plane_count(count));
    }
    bench.camera.run(2);
    let statistics = source.statistics();
    assert_eq!((statistics.error, statistics.accepted), (6, 2));
}

#[test]
fn buffers_in_another_number_of_pieces_than_the_format_are_refused() {
    let mut camera = ScriptedCamera::new(b"NM12", 64, 48);
    camera.multiplanar = false;
    camera.answers = Some(pixels(Fourcc(*b"NM12"), 64, 48));
    let bench = Bench::new(camera);
    // What QUERYBUF says is changed behind S_FMT's back.
    bench.camera.change_buffers(1);
    let error = refused(bench.engine.open(request(b"NM12"), Box::new(|_| Ok(())), Keep::not(), bench.keeper.clone()));
    assert!(error.message().contains("QUERYBUF"), "{error}");
    bench.assert_closed();
}
