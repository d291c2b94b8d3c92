//! Rules for each kind and device, one to a line: what a kiosk's policy file holds.

use std::fmt;
use std::str::{CharIndices, FromStr};

use super::origin::OriginPattern;
use super::pattern::{Pattern, PatternReader};
use super::{Decision, Denial, PermissionPolicy, PermissionRequest, RequestedDevice};
use crate::devices::MediaDeviceKind;
use crate::error::{Error, ErrorName, Result, excerpt};

/// Rules that allow or deny devices by kind and identity. The first that fits a device decides.
///
/// ```text
/// # The doorbell may look, nobody may listen.
/// allow camera "HD Pro Webcam C920"
/// allow camera usb-046d_082d_*
/// deny  any    usb-0bda_5689@*
/// deny  microphone *
/// default deny
/// allow origin https://kiosk.example
/// ```
///
/// Each line is a rule: `allow` or `deny`; `camera`, `microphone` or `any` (both); and the device, one of
///
/// - an id: the [`deviceId`](RequestedDevice::device_id), or the [`groupId`](RequestedDevice::group_id) that the camera
///   and the microphone of one webcam share. What follows a `~` tells twins of one serial number apart; a rule that
///   does not name it means each twin;
/// - a name, in double quotes, exactly as `usermedia devices` prints it; `\"`, `\\` and `\*` are these characters
///   themselves;
/// - `*`, every device. Within an id or a name `*` is any characters.
///
/// What no rule fits is denied, unless the line `default allow` says otherwise. It may stand anywhere, once. `#` begins
/// a comment. Anything else is an error, and rules with an error in them allow nothing.
///
/// With `origin` in the place of the kind a line is about web pages that ask `usermedia serve`, by the origin their browser
/// tells: [`Rules::allows_origin`].
///
/// They are parsed with [`FromStr`] and written back, without comments, by [`fmt::Display`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// About pages, in their order.
    origins: Vec<(Verb, OriginPattern)>,
    /// `None` where the text does not say.
    default: Option<Verb>,
}

/// One line.
#[derive(Debug, Clone)]
struct Rule {
    /// Counted from 1.
    line: usize,
    verb: Verb,
    /// `None` for both.
    kind: Option<MediaDeviceKind>,
    device: Device,
}

/// Where a rule stands is for its reader, and no part of what it says.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        (self.verb, self.kind, &self.device) == (other.verb, other.kind, &other.device)
    }
}

impl Eq for Rule {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Allow,
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Device {
    Id(Pattern),
    Label(Pattern),
}

impl Rules {
    /// Whether a web page of this origin (`https://kiosk.example`) may connect to a live page, with its token: what the first
    /// line that fits says. `None` where no line speaks of it; what is said of devices, and `default`, does not.
    pub fn allows_origin(&self, origin: &str) -> Option<bool> {
        let origin = origin.to_ascii_lowercase();
        self.origins.iter().find(|(_, pattern)| pattern.matches(&origin)).map(|(verb, _)| *verb == Verb::Allow)
    }

    /// Why a device may not be used; `None` where it may. `source` is what the rules are called: their file.
    pub(super) fn denial(&self, device: &RequestedDevice<'_>, source: &str) -> Option<Denial> {
        let rule = self.rules.iter().find(|rule| rule.fits(device));
        let rule_for_it = format!("allow {} {}", device.permission_name(), device.device_id);
        match (rule, self.default) {
            (Some(rule), _) if rule.verb == Verb::Allow => None,
            (Some(rule), _) => {
                let reason = format!("line {} of {source} says `{rule}`", rule.line);
                Some(
                    Denial::new(reason)
                        .with_remedy(format!("who may change it can put above that line: {rule_for_it}")),
                )
            }
            (None, Some(Verb::Allow)) => None,
            (None, _) => {
                let reason = format!("no line of {source} allows it");
                Some(Denial::new(reason).with_remedy(format!("who may change it can add this line: {rule_for_it}")))
            }
        }
    }
}

impl PermissionPolicy for Rules {
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision {
        Decision::for_each(request, |device| self.denial(device, "the policy"))
    }
}

impl Rule {
    fn fits(&self, device: &RequestedDevice<'_>) -> bool {
        if self.kind.is_some_and(|kind| kind != device.kind) {
            return false;
        }
        match &self.device {
            Device::Label(pattern) => pattern.matches(device.label),
            Device::Id(pattern) => [device.device_id, device.group_id].into_iter().any(|id| {
                let without_port = id.split('~').next().filter(|_| !pattern.contains('~'));
                pattern.matches(id) || without_port.is_some_and(|id| pattern.matches(id))
            }),
        }
    }
}

impl FromStr for Rules {
    type Err = Error;

    /// # Errors
    /// [`ErrorName::TypeError`] with the number of the line, and what is expected there.
    fn from_str(text: &str) -> Result<Self> {
        let mut rules = Self::default();
        // Editors that write a byte order mark mean no character by it.
        for (number, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            let number = number + 1;
            let wrong = |message: String| {
                Error::new(ErrorName::TypeError, format!("line {number}: {message}")).with_remedy(
                    "a line is such as `allow camera usb-046d_082d_*`, `deny any \"Name of it\"`, `allow origin https://kiosk.example` or `default deny`",
                )
            };
            rules.add(number, &words(line).map_err(wrong)?).map_err(wrong)?;
        }
        Ok(rules)
    }
}

impl Rules {
    fn add(&mut self, line: usize, words: &[Word]) -> Result<(), String> {
        let Some((first, rest)) = words.split_first() else { return Ok(()) };
        if first.is("default") {
            let verb = expect(rest.first(), "allow or deny after `default`", Verb::from_word)?;
            if rest.len() > 1 {
                return Err("nothing may follow `default allow` or `default deny`".to_owned());
            }
            if self.default.replace(verb).is_some() {
                return Err("there is a `default` already".to_owned());
            }
            return Ok(());
        }
        let verb = expect(Some(first), "allow, deny or default", Verb::from_word)?;
        if rest.first().is_some_and(|word| word.is("origin")) {
            let Some(word) = rest.get(1) else {
                return Err("an origin such as https://kiosk.example, or *, is missing".to_owned());
            };
            if rest.len() > 2 {
                return Err("one origin to a line".to_owned());
            }
            self.origins.push((verb, OriginPattern::parse(&word.to_string())?));
            return Ok(());
        }
        let kind = expect(rest.first(), "camera, microphone, any or origin", |word| match word {
            word if word.is("camera") => Some(Some(MediaDeviceKind::VideoInput)),
            word if word.is("microphone") => Some(Some(MediaDeviceKind::AudioInput)),
            word if word.is("any") => Some(None),
            _ => None,
        })?;
        let device = expect(rest.get(1), "an id, a name in double quotes, or *", |word| Some(word.device.clone()))?;
        if rest.len() > 2 {
            return Err("one device to a line: a name with spaces in it stands in double quotes".to_owned());
        }
        self.rules.push(Rule { line, verb, kind, device });
        Ok(())
    }
}

fn expect<T>(word: Option<&Word>, what: &str, read: impl Fn(&Word) -> Option<T>) -> Result<T, String> {
    let Some(word) = word else { return Err(format!("{what} is missing")) };
    read(word).ok_or_else(|| format!("{what} is expected where `{}` stands", excerpt(&word.to_string())))
}

/// A word of a line, or a text in quotes.
#[derive(Debug)]
struct Word {
    device: Device,
}

impl Word {
    fn is(&self, text: &str) -> bool {
        matches!(&self.device, Device::Id(pattern) if pattern.is_exactly(text))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.device.fmt(f)
    }
}

/// The words of a line up to its comment.
fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut characters = line.char_indices();
    loop {
        let rest = characters.as_str();
        let Some(next) = rest.chars().next() else { return Ok(words) };
        match next {
            '#' => return Ok(words),
            '"' => {
                characters.next();
                words.push(Word { device: Device::Label(quoted(&mut characters)?) });
                // `"a"b` is more likely a slip than two words.
                if characters.as_str().starts_with(|next: char| !next.is_whitespace() && next != '#') {
                    return Err("a space is missing after the closing quote".to_owned());
                }
            }
            _ if next.is_whitespace() => drop(characters.next()),
            _ => words.push(Word { device: Device::Id(bare(&mut characters)?) }),
        }
    }
}

/// A word without quotes.
fn bare(characters: &mut CharIndices<'_>) -> Result<Pattern, String> {
    let mut pattern = PatternReader::default();
    while let Some(next) = characters.as_str().chars().next() {
        match next {
            '#' => break,
            _ if next.is_whitespace() => break,
            '*' => pattern.any(),
            '"' | '\\' => return Err(format!("no word has {next} in it: a name stands in double quotes, as a whole")),
            _ if next.is_control() => return Err(format!("no word has the character U+{:04X} in it", u32::from(next))),
            _ => pattern.character(next),
        }
        characters.next();
    }
    Ok(pattern.finish())
}

/// A text after its opening quote, with the closing one.
fn quoted(characters: &mut CharIndices<'_>) -> Result<Pattern, String> {
    let mut pattern = PatternReader::default();
    while let Some((_, next)) = characters.next() {
        match next {
            '"' => return Ok(pattern.finish()),
            '*' => pattern.any(),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\' | '*'))) => pattern.character(escaped),
                _ => return Err("after a backslash one of \" \\ * is expected".to_owned()),
            },
            _ => pattern.character(next),
        }
    }
    Err("the closing quote is missing".to_owned())
}

impl Verb {
    fn from_word(word: &Word) -> Option<Self> {
        [Self::Allow, Self::Deny].into_iter().find(|verb| word.is(verb.as_str()))
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(pattern) => pattern.write(f, |character, f| write!(f, "{character}")),
            Self::Label(pattern) => {
                f.write_str("\"")?;
                pattern.write(f, |character, f| match character {
                    '"' | '\\' | '*' => write!(f, "\\{character}"),
                    _ => write!(f, "{character}"),
                })?;
                f.write_str("\"")
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Some(MediaDeviceKind::VideoInput) => "camera",
            Some(MediaDeviceKind::AudioInput) => "microphone",
            None => "any",
        };
        write!(f, "{} {kind} {}", self.verb.as_str(), self.device)
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.iter().try_for_each(|rule| writeln!(f, "{rule}"))?;
        self.origins.iter().try_for_each(|(verb, origin)| writeln!(f, "{} origin {origin}", verb.as_str()))?;
        self.default.map_or(Ok(()), |default| writeln!(f, "default {}", default.as_str()))
    }
}
