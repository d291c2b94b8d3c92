//! placeholder
use crate::{Fourcc, FrameRate, MediaDeviceInfo, Result, constraints::MediaStreamConstraints};
/// x
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct VideoSettings {
    pub device_id: String,
    pub group_id: String,
    pub label: String,
    pub path: String,
    pub fourcc: Fourcc,
    pub width: u32,
    pub height: u32,
    pub frame_rate: Option<FrameRate>,
    pub native_frame_rate: Option<FrameRate>,
    pub synthetic: bool,
}
/// x
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct AudioSettings {}
/// x
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Resolution {
    pub video: Option<VideoSettings>,
    pub audio: Option<AudioSettings>,
    pub why: Vec<String>,
    pub video_candidates: Vec<VideoSettings>,
}
/// x
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct ResolveOptions {
    pub recording: bool,
}
/// x
pub fn resolve(_c: &MediaStreamConstraints, d: &[MediaDeviceInfo], _o: &ResolveOptions) -> Result<Resolution> {
    let want = std::env::var("WANT").unwrap_or_default();
    let c: Vec<_> = d
        .iter()
        .filter(|d| d.kind == crate::MediaDeviceKind::VideoInput && d.unusable.is_none() && d.path.contains(&want))
        .map(|d| VideoSettings {
            device_id: d.device_id.clone(),
            group_id: d.group_id.clone(),
            label: d.label.clone(),
            path: d.path.clone(),
            fourcc: Fourcc::YUYV,
            width: 640,
            height: 480,
            frame_rate: Some(FrameRate::whole(30)),
            native_frame_rate: Some(FrameRate::whole(30)),
            synthetic: d.synthetic,
        })
        .collect();
    Ok(Resolution { video: c.first().cloned(), audio: None, why: vec![], video_candidates: c })
}

impl MediaStreamConstraints {
    /// x
    pub fn check_requested(&self) -> Result<()> {
        Ok(())
    }
    /// x
    pub fn video_violation(&self, _s: &VideoSettings) -> Option<String> {
        None
    }
}
