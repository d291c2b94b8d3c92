//! From W3C's names to V4L2's controls: which one, in which unit, and what the driver says of it.
//!
//! The controls are asked for by their numbers, not walked with `V4L2_CTRL_FLAG_NEXT_CTRL`: on a USB camera the first
//! question about a control is five control transfers, and a walk would ask about all those that have no W3C name, too.
//! A list of our own also has an end, whatever a driver answers.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;

use super::{CameraControl, ControlName, ControlRange, ControlValue, MeteringMode};
use crate::seam::abi::cid;
use crate::seam::{ControlFlags, ControlType, Kernel, retry};

/// The most items of a menu that are asked for.
const MOST_ITEMS: i64 = 64;

/// How a control's number is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The number is the value.
    Number,
    /// The items of an integer menu are thousandths.
    Thousandths,
    /// 1 is automatic.
    Automatic,
    /// `V4L2_EXPOSURE_*`.
    Exposure,
    /// 1 is off: the camera may change the rate, and is not to.
    Inverted,
    /// `V4L2_FLASH_LED_MODE_*`.
    Torch,
}

/// `enum v4l2_exposure_auto_type`.
const EXPOSURE_AUTO: i32 = 0;
const EXPOSURE_MANUAL: i32 = 1;
const EXPOSURE_SHUTTER_PRIORITY: i32 = 2;
const EXPOSURE_APERTURE_PRIORITY: i32 = 3;

/// `enum v4l2_flash_led_mode`.
const FLASH_LED_NONE: i32 = 0;
const FLASH_LED_TORCH: i32 = 2;

const fn native(name: ControlName) -> (u32, Form) {
    use ControlName as Name;
    match name {
        Name::ExposureMode => (cid::V4L2_CID_EXPOSURE_AUTO, Form::Exposure),
        Name::WhiteBalanceMode => (cid::V4L2_CID_AUTO_WHITE_BALANCE, Form::Automatic),
        Name::FocusMode => (cid::V4L2_CID_FOCUS_AUTO, Form::Automatic),
        Name::ConstantFrameRate => (cid::V4L2_CID_EXPOSURE_AUTO_PRIORITY, Form::Inverted),
        Name::Torch => (cid::V4L2_CID_FLASH_LED_MODE, Form::Torch),
        Name::ExposureTime => (cid::V4L2_CID_EXPOSURE_ABSOLUTE, Form::Number),
        Name::ExposureCompensation => (cid::V4L2_CID_AUTO_EXPOSURE_BIAS, Form::Thousandths),
        Name::ColorTemperature => (cid::V4L2_CID_WHITE_BALANCE_TEMPERATURE, Form::Number),
        Name::FocusDistance => (cid::V4L2_CID_FOCUS_ABSOLUTE, Form::Number),
        Name::Brightness => (cid::V4L2_CID_BRIGHTNESS, Form::Number),
        Name::Contrast => (cid::V4L2_CID_CONTRAST, Form::Number),
        Name::Saturation => (cid::V4L2_CID_SATURATION, Form::Number),
        Name::Sharpness => (cid::V4L2_CID_SHARPNESS, Form::Number),
        Name::Pan => (cid::V4L2_CID_PAN_ABSOLUTE, Form::Number),
        Name::Tilt => (cid::V4L2_CID_TILT_ABSOLUTE, Form::Number),
        Name::Zoom => (cid::V4L2_CID_ZOOM_ABSOLUTE, Form::Number),
    }
}

/// A control as a driver has it, its numbers checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NativeControl {
    pub name: ControlName,
    /// `V4L2_CID_*`.
    pub id: u32,
    /// The driver's own name for it.
    pub title: String,
    pub range: ControlRange,
    form: Form,
    default: i32,
    /// Items of a menu, ascending, with the numbers they stand for in an integer menu.
    items: Vec<(i32, i64)>,
}

impl NativeControl {
    /// Asks the driver for a control; `None` where it has none of that name that programs can set.
    ///
    /// # Errors
    ///
    /// `ENOTTY`: the driver has no controls at all. `ENODEV`: the device went away. `ETIMEDOUT`: it does not answer, and each
    /// further question would take as long.
    pub(crate) fn query(kernel: &dyn Kernel, fd: BorrowedFd<'_>, name: ControlName) -> Result<Option<Self>, Errno> {
        let (id, form) = native(name);
        let told = match retry(|| kernel.query_control(fd, id)) {
            Ok(told) => told,
            Err(errno @ (Errno::ENOTTY | Errno::ENODEV | Errno::ETIMEDOUT)) => return Err(errno),
            Err(_) => return Ok(None),
        };
        if told.flags.intersects(ControlFlags::DISABLED | ControlFlags::READ_ONLY) {
            return Ok(None);
        }
        let (least, most) = (told.minimum.min(told.maximum), told.maximum.max(told.minimum));
        let (Ok(min), Ok(max)) = (i32::try_from(least), i32::try_from(most)) else { return Ok(None) };
        let menu = matches!(told.kind, ControlType::Menu | ControlType::IntegerMenu);
        let items = if menu { menu_items(kernel, fd, id, (min, max)) } else { Vec::new() };
        let range = match (form, told.kind) {
            (Form::Number, ControlType::Integer) => {
                let step = u32::try_from(told.step).unwrap_or(u32::MAX).max(1);
                Some(ControlRange::Numbers { min: min.into(), max: max.into(), step: step.into() })
            }
            (Form::Thousandths, ControlType::IntegerMenu) => {
                let mut list: Vec<f64> = items.iter().filter_map(|&(_, value)| thousandths(value)).collect();
                list.sort_by(f64::total_cmp);
                list.dedup();
                (!list.is_empty()).then_some(ControlRange::List(list))
            }
            (Form::Automatic, ControlType::Boolean) => {
                Some(ControlRange::Modes(vec![MeteringMode::Continuous, MeteringMode::Manual]))
            }
            (Form::Inverted, ControlType::Boolean) => Some(ControlRange::Switch),
            (Form::Exposure, ControlType::Menu) => {
                let has = |wanted: [i32; 2]| items.iter().any(|(item, _)| wanted.contains(item));
                let continuous = has([EXPOSURE_AUTO, EXPOSURE_APERTURE_PRIORITY]).then_some(MeteringMode::Continuous);
                let manual = has([EXPOSURE_MANUAL, EXPOSURE_SHUTTER_PRIORITY]).then_some(MeteringMode::Manual);
                let modes: Vec<_> = continuous.into_iter().chain(manual).collect();
                (!modes.is_empty()).then_some(ControlRange::Modes(modes))
            }
            (Form::Torch, ControlType::Menu) => {
                let has = |wanted| items.iter().any(|(item, _)| *item == wanted);
                (has(FLASH_LED_NONE) && has(FLASH_LED_TORCH)).then_some(ControlRange::Switch)
            }
            _ => None,
        };
        // A default outside of the range says nothing.
        let default = i32::try_from(told.default).ok().filter(|default| (min..=max).contains(default)).unwrap_or(min);
        Ok(range.map(|range| Self { name, id, title: told.name, range, form, default, items }))
    }

    /// The control as capabilities show it.
    pub(crate) fn capability(&self) -> CameraControl {
        CameraControl { name: self.name, range: self.range.clone(), default: self.value(self.default) }
    }

    /// What the driver's number means.
    pub(crate) fn value(&self, raw: i32) -> Option<ControlValue> {
        let mode =
            |automatic| ControlValue::Mode(if automatic { MeteringMode::Continuous } else { MeteringMode::Manual });
        match self.form {
            Form::Number => Some(ControlValue::Number(raw.into())),
            Form::Thousandths => {
                let (_, value) = self.items.iter().find(|(item, _)| *item == raw)?;
                thousandths(*value).map(ControlValue::Number)
            }
            Form::Automatic => Some(mode(raw != 0)),
            Form::Inverted => Some(ControlValue::Switch(raw == 0)),
            Form::Exposure => match raw {
                EXPOSURE_AUTO | EXPOSURE_APERTURE_PRIORITY => Some(mode(true)),
                EXPOSURE_MANUAL | EXPOSURE_SHUTTER_PRIORITY => Some(mode(false)),
                _ => None,
            },
            Form::Torch => Some(ControlValue::Switch(raw == FLASH_LED_TORCH)),
        }
    }

    /// The driver's number for a value that the range has.
    pub(crate) fn raw(&self, value: ControlValue) -> Option<i32> {
        match (self.form, value) {
            // In range: both ends have 32 bits.
            (Form::Number, ControlValue::Number(number)) if number.abs() <= f64::from(i32::MAX) + 1.0 => {
                Some(number.round() as i32)
            }
            (Form::Thousandths, ControlValue::Number(number)) => {
                self.items.iter().find(|(_, value)| thousandths(*value) == Some(number)).map(|(item, _)| *item)
            }
            (Form::Automatic, ControlValue::Mode(mode)) => Some(i32::from(mode == MeteringMode::Continuous)),
            (Form::Inverted, ControlValue::Switch(on)) => Some(i32::from(!on)),
            (Form::Exposure, ControlValue::Mode(mode)) => self.exposure(mode),
            (Form::Torch, ControlValue::Switch(on)) => Some(if on { FLASH_LED_TORCH } else { FLASH_LED_NONE }),
            _ => None,
        }
    }

    /// Of the two items that a mode has: the driver's default if it is one of them, else the one that leaves the less to
    /// chance. A webcam without an iris has "aperture priority" for its automatic mode.
    fn exposure(&self, mode: MeteringMode) -> Option<i32> {
        let both = match mode {
            MeteringMode::Continuous => [EXPOSURE_AUTO, EXPOSURE_APERTURE_PRIORITY],
            MeteringMode::Manual => [EXPOSURE_MANUAL, EXPOSURE_SHUTTER_PRIORITY],
        };
        let has = |wanted: &i32| self.items.iter().any(|(item, _)| item == wanted);
        both.into_iter().filter(has).min_by_key(|item| *item != self.default)
    }
}

/// The controls that the driver has, in the order of writing. Whatever goes wrong ends the list there: modes are worth
/// listing without controls.
pub(crate) fn list(kernel: &dyn Kernel, fd: BorrowedFd<'_>) -> Vec<NativeControl> {
    let mut controls = Vec::new();
    for &name in ControlName::ALL {
        match NativeControl::query(kernel, fd, name) {
            Ok(control) => controls.extend(control),
            Err(_) => break,
        }
    }
    controls
}

fn thousandths(value: i64) -> Option<f64> {
    i32::try_from(value).ok().map(|value| f64::from(value) / 1000.0)
}

fn menu_items(kernel: &dyn Kernel, fd: BorrowedFd<'_>, id: u32, (min, max): (i32, i32)) -> Vec<(i32, i64)> {
    let last = i64::from(max).min(i64::from(min).saturating_add(MOST_ITEMS));
    let indices = (i64::from(min)..=last).filter_map(|index| u32::try_from(index).ok());
    let item = |index: u32| {
        let value = retry(|| kernel.query_menu(fd, id, index)).ok()?;
        Some((i32::try_from(index).ok()?, value))
    };
    indices.filter_map(item).collect()
}
