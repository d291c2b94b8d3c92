//! A scripted camera's controls, as the kernel's control framework and uvcvideo keep them.

use std::collections::BTreeMap;

use nix::errno::Errno;

use super::camera::ScriptedCamera;
use crate::seam::abi::cid;
use crate::seam::{ControlDescription, ControlFlags, ControlType};

/// One control. Change what a test is about; everything else is a well-behaved driver's.
#[derive(Debug, Clone)]
pub(crate) struct ScriptedControl {
    pub id: u32,
    pub description: ControlDescription,
    pub value: i32,
    /// Items of a menu, and the numbers they stand for in an integer menu.
    pub items: BTreeMap<u32, i64>,
    /// The control that has this one inactive unless it has one of these values. A write is refused then, as uvcvideo
    /// does it.
    pub governor: Option<(u32, Vec<i32>)>,
    /// What S_CTRL answers.
    pub refusal: Option<Errno>,
    /// What a write really sets: a driver may say yes and do otherwise.
    pub sticks_at: Option<i32>,
}

impl ScriptedControl {
    fn new(id: u32, kind: ControlType, name: &str, (minimum, maximum): (i64, i64), value: i32) -> Self {
        let description = ControlDescription {
            kind,
            name: name.to_owned(),
            minimum,
            maximum,
            step: 1,
            default: i64::from(value),
            flags: ControlFlags::empty(),
        };
        Self { id, description, value, items: BTreeMap::new(), governor: None, refusal: None, sticks_at: None }
    }

    /// V4L2_CTRL_TYPE_INTEGER, at its default value.
    pub(crate) fn integer(id: u32, name: &str, range: (i64, i64), default: i32) -> Self {
        Self::new(id, ControlType::Integer, name, range, default)
    }

    /// V4L2_CTRL_TYPE_BOOLEAN.
    pub(crate) fn boolean(id: u32, name: &str, default: bool) -> Self {
        Self::new(id, ControlType::Boolean, name, (0, 1), i32::from(default))
    }

    /// V4L2_CTRL_TYPE_MENU with these items.
    pub(crate) fn menu(id: u32, name: &str, items: &[u32], default: i32) -> Self {
        let items: BTreeMap<u32, i64> = items.iter().map(|&item| (item, 0)).collect();
        let ends =
            (items.keys().next().map_or(0, |&item| i64::from(item)), items.keys().last().map_or(0, |&item| item));
        Self { items, ..Self::new(id, ControlType::Menu, name, (ends.0, i64::from(ends.1)), default) }
    }

    /// Inactive unless another control has one of these values.
    pub(crate) fn governed(mut self, id: u32, by: &[i32]) -> Self {
        self.governor = Some((id, by.to_vec()));
        self
    }

    /// What the framework makes of a value: out of range is clamped, off the step is rounded; an item that is not there is
    /// `ERANGE`, as is any value of a menu beyond its ends.
    fn validate(&self, value: i32) -> Result<i32, Errno> {
        let ControlDescription { kind, minimum, maximum, step, .. } = self.description;
        let whole = i64::from(value);
        let valid = match kind {
            ControlType::Menu | ControlType::IntegerMenu => {
                let item = u32::try_from(value).ok().filter(|item| self.items.contains_key(item));
                i64::from(item.ok_or(Errno::ERANGE)?)
            }
            ControlType::Boolean => i64::from(value != 0),
            _ => {
                let step = i64::try_from(step).unwrap_or(1).max(1);
                let whole = whole.clamp(minimum.min(maximum), maximum.max(minimum));
                minimum + (whole - minimum + step / 2) / step * step
            }
        };
        i32::try_from(valid).map_err(|_| Errno::ERANGE)
    }
}

impl ScriptedCamera {
    /// With what most webcams have: brightness from 0 to 255 at 128, contrast from 0 to 100 at 40, white balance and exposure
    /// automatic, and a rate that falls in low light.
    pub(crate) fn with_webcam_controls(mut self) -> Self {
        use ScriptedControl as Control;
        let temperature = "White Balance Temperature";
        self.controls = vec![
            Control::integer(cid::V4L2_CID_BRIGHTNESS, "Brightness", (0, 255), 128),
            Control::integer(cid::V4L2_CID_CONTRAST, "Contrast", (0, 100), 40),
            Control::boolean(cid::V4L2_CID_AUTO_WHITE_BALANCE, "White Balance, Automatic", true),
            Control::integer(cid::V4L2_CID_WHITE_BALANCE_TEMPERATURE, temperature, (2800, 6500), 4600)
                .governed(cid::V4L2_CID_AUTO_WHITE_BALANCE, &[0]),
            Control::menu(cid::V4L2_CID_EXPOSURE_AUTO, "Auto Exposure", &[1, 3], 3),
            Control::integer(cid::V4L2_CID_EXPOSURE_ABSOLUTE, "Exposure Time, Absolute", (3, 2047), 250)
                .governed(cid::V4L2_CID_EXPOSURE_AUTO, &[1, 2]),
            Control::boolean(cid::V4L2_CID_EXPOSURE_AUTO_PRIORITY, "Exposure, Dynamic Framerate", true),
        ];
        self
    }

    /// The control with this number.
    pub(crate) fn control(&self, id: u32) -> Option<&ScriptedControl> {
        self.controls.iter().find(|control| control.id == id)
    }

    fn is_inactive(&self, control: &ScriptedControl) -> bool {
        let Some((governor, values)) = &control.governor else { return false };
        self.control(*governor).is_some_and(|governor| !values.contains(&governor.value))
    }

    pub(super) fn query_control(&self, id: u32) -> Result<ControlDescription, Errno> {
        // A driver without any control does not know the call.
        let control = self.control(id).ok_or(if self.controls.is_empty() { Errno::ENOTTY } else { Errno::EINVAL })?;
        let mut description = control.description.clone();
        description.flags.set(ControlFlags::INACTIVE, self.is_inactive(control));
        Ok(description)
    }

    pub(super) fn query_menu(&self, id: u32, index: u32) -> Result<i64, Errno> {
        let control = self.control(id).ok_or(Errno::EINVAL)?;
        control.items.get(&index).copied().ok_or(Errno::EINVAL)
    }

    pub(super) fn get_control(&self, id: u32) -> Result<i32, Errno> {
        let control = self.control(id).ok_or(Errno::EINVAL)?;
        if control.description.flags.contains(ControlFlags::WRITE_ONLY) {
            return Err(Errno::EACCES);
        }
        Ok(control.value)
    }

    pub(super) fn set_control(&mut self, id: u32, value: i32) -> Result<(), Errno> {
        self.written.push((id, value));
        let control = self.control(id).ok_or(Errno::EINVAL)?;
        let flags = control.description.flags;
        if flags.contains(ControlFlags::READ_ONLY) || self.is_inactive(control) {
            return Err(Errno::EACCES);
        }
        if flags.contains(ControlFlags::GRABBED) {
            return Err(Errno::EBUSY);
        }
        if let Some(errno) = control.refusal {
            return Err(errno);
        }
        let value = control.sticks_at.map_or_else(|| control.validate(value), Ok)?;
        for control in self.controls.iter_mut().filter(|control| control.id == id) {
            control.value = value;
        }
        Ok(())
    }
}
