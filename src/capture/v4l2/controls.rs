//! A camera's controls: what was asked is written, nothing else is, and what the driver made of it is read back.
//!
//! Drivers keep controls across opens, and a person may have set them with another program: a control that nobody asks
//! for is left as it is found, and one that is already what was asked is not written either.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;

use super::failure::{Step, failure};
use crate::devices::ControlSettings;
use crate::devices::control::{ControlGoal, Goal, NativeControl, list};
use crate::devices::{ControlName, ControlValue};
use crate::error::{Error, ErrorName, Result};
use crate::seam::{Kernel, retry};

/// The controls of an open camera.
#[derive(Debug)]
pub(super) struct CameraControls {
    path: String,
    controls: Vec<NativeControl>,
}

impl CameraControls {
    /// Asks the driver which there are.
    pub(super) fn of(kernel: &dyn Kernel, fd: BorrowedFd<'_>, path: &str) -> Self {
        Self { path: path.to_owned(), controls: list(kernel, fd) }
    }

    /// What they are set to.
    pub(super) fn settings(&self, kernel: &dyn Kernel, fd: BorrowedFd<'_>) -> ControlSettings {
        let value = |control: &NativeControl| Some((control.name, read(kernel, fd, control)?));
        self.controls.iter().filter_map(value).collect()
    }

    /// Writes what is asked for, modes before the values that they govern, and reads everything back.
    ///
    /// A wish that the driver refuses is no error: the settings say what there is.
    ///
    /// # Errors
    ///
    /// [`ErrorName::OverconstrainedError`]: something required is refused, or the driver made something else of it. What was
    /// written until then is set back to what it was.
    pub(super) fn apply(
        &self,
        kernel: &dyn Kernel,
        fd: BorrowedFd<'_>,
        goals: &[ControlGoal],
    ) -> Result<ControlSettings> {
        let mut written = Vec::new();
        let applied = self.write(kernel, fd, goals, &mut written).and_then(|()| {
            let settings = self.settings(kernel, fd);
            goals.iter().try_for_each(|goal| self.check(goal, &settings)).map(|()| settings)
        });
        if applied.is_err() {
            // The last one first: a value goes back before the mode that governs it.
            for (id, before) in written.into_iter().rev() {
                let _ = retry(|| kernel.set_control(fd, id, before));
            }
        }
        applied
    }

    fn find(&self, name: ControlName) -> Option<&NativeControl> {
        self.controls.iter().find(|control| control.name == name)
    }

    fn write(
        &self,
        kernel: &dyn Kernel,
        fd: BorrowedFd<'_>,
        goals: &[ControlGoal],
        written: &mut Vec<(u32, i32)>,
    ) -> Result<()> {
        // The order of the names is that of writing.
        let mut goals: Vec<&ControlGoal> = goals.iter().collect();
        goals.sort_by_key(|goal| goal.name);
        for goal in goals {
            let Some(control) = self.find(goal.name) else {
                if goal.is_required() {
                    return Err(self
                        .error(goal, format!("{} has no control for {}", self.path, goal.name))
                        .with_remedy(format!("give {} as ideal, or choose another camera", goal.name)));
                }
                continue;
            };
            let before = retry(|| kernel.get_control(fd, control.id)).ok();
            let current = before.and_then(|raw| control.value(raw));
            let Some(target) = goal.target(&control.range, current) else { continue };
            let Some(raw) = control.raw(target).filter(|raw| Some(*raw) != before) else { continue };
            match retry(|| kernel.set_control(fd, control.id, raw)) {
                Ok(()) => written.extend(before.map(|before| (control.id, before))),
                Err(errno @ (Errno::ENODEV | Errno::ENXIO)) => {
                    return Err(failure(Step::SetControl, errno, &self.path, false));
                }
                Err(errno) if goal.is_required() => return Err(self.refused(goal, control, target, errno)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Whether the driver made of it what was required.
    fn check(&self, goal: &ControlGoal, settings: &ControlSettings) -> Result<()> {
        // A value that the driver does not tell cannot be judged.
        let Some(value) = settings.get(goal.name).filter(|value| !goal.allows(*value)) else { return Ok(()) };
        let range = self.find(goal.name).map_or_else(String::new, |control| format!(" (it says {})", control.range));
        let message = format!("{} was asked for {goal} and stays at {value}{range}", self.path);
        Err(self.error(goal, message).with_remedy(self.remedy(goal)))
    }

    fn refused(&self, goal: &ControlGoal, control: &NativeControl, target: ControlValue, errno: Errno) -> Error {
        let (name, path) = (goal.name, &self.path);
        let title = if control.title.is_empty() { String::new() } else { format!(" ({})", control.title) };
        let why = match errno {
            Errno::ERANGE | Errno::EINVAL => format!("the camera takes no such value; it says {}", control.range),
            Errno::EBUSY => "it cannot be changed at the moment".to_owned(),
            Errno::EACCES => "it is not active".to_owned(),
            Errno::EIO | Errno::EPIPE | Errno::EPROTO | Errno::ETIMEDOUT => "the camera did not answer".to_owned(),
            errno => errno.desc().to_owned(),
        };
        let message = format!("{path} refused {name} {target}{title}, range {}: {why}", control.range);
        let remedy = match errno {
            Errno::EBUSY => "close the program that holds the control, or set it before the camera streams".to_owned(),
            Errno::EIO | Errno::EPIPE | Errno::EPROTO | Errno::ETIMEDOUT => {
                "try again; if that fails too, unplug the camera and plug it in again".to_owned()
            }
            _ => self.remedy(goal),
        };
        self.error(goal, message).with_errno(errno as i32).with_remedy(remedy)
    }

    fn error(&self, goal: &ControlGoal, message: String) -> Error {
        Error::new(ErrorName::OverconstrainedError, message)
            .with_constraint(goal.name.as_str())
            .with_device(&*self.path, &*self.path)
    }

    fn remedy(&self, goal: &ControlGoal) -> String {
        match (goal.name.governor(), &goal.goal) {
            (Some(governor), _) => format!("ask for {governor} manual as well, or give {} as ideal", goal.name),
            (None, Goal::Number { .. }) => format!("ask for a value in its range, or give {} as ideal", goal.name),
            (None, Goal::Choice { .. }) => format!("give {} as ideal", goal.name),
        }
    }
}

fn read(kernel: &dyn Kernel, fd: BorrowedFd<'_>, control: &NativeControl) -> Option<ControlValue> {
    control.value(retry(|| kernel.get_control(fd, control.id)).ok()?)
}
