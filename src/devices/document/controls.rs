//! Reading what a camera's controls can be set to.

use crate::devices::control::{ControlKind, MeteringMode};
use crate::devices::{CameraControl, ControlName, ControlRange, ControlValue};
use crate::document::{Kind, Path, Value, missing, push};
use crate::error::Result;

/// An object of ranges and lists by W3C's names. Controls and modes of a later version are not known here, and ignored.
pub(super) fn read(value: Value<'_>, path: &Path<'_>) -> Result<Vec<CameraControl>> {
    let mut controls: Vec<CameraControl> = Vec::new();
    value.members(path, "an object of controls", |name, value| {
        let path = path.name(&name);
        let Some(name) = ControlName::from_name(&name) else { return Ok(()) };
        controls.retain(|control| control.name != name);
        if let Some(control) = control(name, value, &path)? {
            push(&mut controls, control);
        }
        Ok(())
    })?;
    Ok(controls)
}

fn control(name: ControlName, value: Value<'_>, path: &Path<'_>) -> Result<Option<CameraControl>> {
    let mut default = None;
    let range = match name.kind() {
        ControlKind::Mode => {
            let mut modes = Vec::new();
            value.elements(path, "a list of modes", |index, value| {
                let mode = MeteringMode::from_name(&value.string(&path.index(index), "a mode such as manual")?);
                if let Some(mode) = mode.filter(|mode| !modes.contains(mode)) {
                    push(&mut modes, mode);
                }
                Ok(())
            })?;
            if modes.is_empty() {
                return Ok(None);
            }
            ControlRange::Modes(modes)
        }
        ControlKind::Switch => {
            let (mut off, mut on) = (false, false);
            value.elements(path, "a list of false and true", |index, value| {
                match value.boolean(&path.index(index))? {
                    true => on = true,
                    false => off = true,
                }
                Ok(())
            })?;
            // What has one position is no switch.
            if !(off && on) {
                return Ok(None);
            }
            ControlRange::Switch
        }
        ControlKind::Number if value.kind() == Kind::List => {
            let mut list = Vec::new();
            value.elements(path, "a list of numbers", |index, value| {
                push(&mut list, number(value, &path.index(index))?);
                Ok(())
            })?;
            list.sort_by(f64::total_cmp);
            if list.is_empty() {
                return Ok(None);
            }
            ControlRange::List(list)
        }
        ControlKind::Number => numbers(value, path, &mut default)?,
    };
    let default = default.map(ControlValue::Number);
    Ok(Some(CameraControl { default, ..CameraControl::new(name, range) }))
}

fn number(value: Value<'_>, path: &Path<'_>) -> Result<f64> {
    match value.kind() {
        // A driver's numbers have 32 bits: beyond them sums are no longer exact.
        Kind::Number(number) if number.abs() <= f64::from(u32::MAX) => Ok(number),
        _ => Err(value.unexpected(path, "a number of at most 32 bits")),
    }
}

fn numbers(value: Value<'_>, path: &Path<'_>, default: &mut Option<f64>) -> Result<ControlRange> {
    let (mut min, mut max, mut step) = (None, None, 0.0);
    value.members(path, "a list or {min, max, step}", |name, value| {
        let path = path.name(&name);
        match &*name {
            "min" => min = Some(number(value, &path)?),
            "max" => max = Some(number(value, &path)?),
            "step" => step = number(value, &path)?,
            "default" => *default = Some(number(value, &path)?),
            _ => {}
        }
        Ok(())
    })?;
    let min = min.ok_or_else(|| missing(path, "min", "a number"))?;
    let max = max.ok_or_else(|| missing(path, "max", "a number"))?;
    if min > max || step < 0.0 {
        return Err(value.unexpected(path, "a range whose min is not above its max, in steps that are not negative"));
    }
    Ok(ControlRange::Numbers { min, max, step })
}
