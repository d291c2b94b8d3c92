//! placeholder
use crate::resolve::VideoSettings;
/// x
#[derive(Debug, Clone, Default)]
pub struct MediaStreamConstraints {
    pub(crate) v: bool,
    pub(crate) a: bool,
}
impl MediaStreamConstraints {
    /// x
    pub fn check_requested(&self) -> crate::Result<()> {
        Ok(())
    }
    /// x
    pub fn video_violation(&self, _s: &VideoSettings) -> Option<String> {
        None
    }
}
