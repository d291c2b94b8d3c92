//! The values of W3C constraints: `ConstrainULong`, `ConstrainDouble`, `ConstrainDOMString`, `ConstrainBoolean`.

/// A numeric constraint: a bare number, or any of `min`, `max`, `exact` and `ideal`.
///
/// A bare number is an `ideal` in the basic set and an `exact` in an advanced one.
///
/// ```
/// use usermedia::constraints::ConstrainULong;
///
/// let width = ConstrainULong::new().min(640).ideal(1280);
/// assert!(width.is_required(false));
/// assert!(!ConstrainULong::from(1280).is_required(false));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ConstrainNumber<T> {
    /// The number alone.
    pub bare: Option<T>,
    /// The smallest that will do.
    pub min: Option<T>,
    /// The largest that will do.
    pub max: Option<T>,
    /// The only one that will do.
    pub exact: Option<T>,
    /// The one wished for.
    pub ideal: Option<T>,
}

/// A constraint on a whole number: pixels, hertz, bits, channels.
pub type ConstrainULong = ConstrainNumber<u32>;

/// A constraint on a real number: frames per second, width over height, seconds.
pub type ConstrainDouble = ConstrainNumber<f64>;

impl<T> Default for ConstrainNumber<T> {
    fn default() -> Self {
        Self { bare: None, min: None, max: None, exact: None, ideal: None }
    }
}

impl<T> ConstrainNumber<T> {
    /// No wish yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// At least this.
    #[must_use]
    pub fn min(mut self, value: T) -> Self {
        self.min = Some(value);
        self
    }

    /// At most this.
    #[must_use]
    pub fn max(mut self, value: T) -> Self {
        self.max = Some(value);
        self
    }

    /// This and nothing else.
    #[must_use]
    pub fn exact(mut self, value: T) -> Self {
        self.exact = Some(value);
        self
    }

    /// As near to this as possible.
    #[must_use]
    pub fn ideal(mut self, value: T) -> Self {
        self.ideal = Some(value);
        self
    }

    /// Whether it can rule a device out: `min`, `max` or `exact`, or a bare number in an `advanced` set.
    pub fn is_required(&self, advanced: bool) -> bool {
        self.min.is_some() || self.max.is_some() || self.exact.is_some() || (advanced && self.bare.is_some())
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.bare.is_none() && self.ideal.is_none() && !self.is_required(false)
    }
}

impl<T> From<T> for ConstrainNumber<T> {
    fn from(value: T) -> Self {
        Self { bare: Some(value), ..Self::default() }
    }
}

/// A constraint on something that is not a number: a bare value, or `exact` and `ideal`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConstrainValue<T> {
    /// The value alone: an `ideal` in the basic set and an `exact` in an advanced one.
    pub bare: Option<T>,
    /// What alone will do.
    pub exact: Option<T>,
    /// What is wished for.
    pub ideal: Option<T>,
}

/// A constraint on a string: any one of a list meets it.
pub type ConstrainDomString = ConstrainValue<Vec<String>>;

/// A constraint on a switch.
pub type ConstrainBoolean = ConstrainValue<bool>;

/// A constraint on a switch that has named positions too: `echoCancellation`.
pub type ConstrainBooleanOrDomString = ConstrainValue<BooleanOrString>;

/// `true`, `false` or a name such as `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BooleanOrString {
    /// On or off.
    Boolean(bool),
    /// A named position.
    String(String),
}

impl From<bool> for BooleanOrString {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<&str> for BooleanOrString {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl<T> Default for ConstrainValue<T> {
    fn default() -> Self {
        Self { bare: None, exact: None, ideal: None }
    }
}

impl<T> ConstrainValue<T> {
    /// No wish yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it can rule a device out: `exact`, or a bare value in an `advanced` set.
    pub fn is_required(&self, advanced: bool) -> bool {
        self.exact.is_some() || (advanced && self.bare.is_some())
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.bare.is_none() && self.exact.is_none() && self.ideal.is_none()
    }

    /// What alone will do, read as in the basic or in an `advanced` set.
    pub(crate) fn required(&self, advanced: bool) -> Option<&T> {
        self.exact.as_ref().or(if advanced { self.bare.as_ref() } else { None })
    }

    /// What is wished for in the basic set.
    pub(crate) fn wished(&self) -> Option<&T> {
        self.ideal.as_ref().or(self.bare.as_ref())
    }
}

impl ConstrainDomString {
    /// This and nothing else. Called again, it adds an alternative.
    #[must_use]
    pub fn exact(mut self, value: impl Into<String>) -> Self {
        self.exact.get_or_insert_default().push(value.into());
        self
    }

    /// This if possible. Called again, it adds an alternative.
    #[must_use]
    pub fn ideal(mut self, value: impl Into<String>) -> Self {
        self.ideal.get_or_insert_default().push(value.into());
        self
    }
}

impl From<&str> for ConstrainDomString {
    fn from(value: &str) -> Self {
        Self { bare: Some(vec![value.to_owned()]), ..Self::default() }
    }
}

impl From<String> for ConstrainDomString {
    fn from(value: String) -> Self {
        Self { bare: Some(vec![value]), ..Self::default() }
    }
}

impl<const N: usize> From<[&str; N]> for ConstrainDomString {
    fn from(values: [&str; N]) -> Self {
        Self { bare: Some(values.map(str::to_owned).to_vec()), ..Self::default() }
    }
}

impl ConstrainBoolean {
    /// This and nothing else.
    #[must_use]
    pub fn exact(mut self, value: bool) -> Self {
        self.exact = Some(value);
        self
    }

    /// This if possible.
    #[must_use]
    pub fn ideal(mut self, value: bool) -> Self {
        self.ideal = Some(value);
        self
    }
}

impl From<bool> for ConstrainBoolean {
    fn from(value: bool) -> Self {
        Self { bare: Some(value), ..Self::default() }
    }
}

impl ConstrainBooleanOrDomString {
    /// This and nothing else.
    #[must_use]
    pub fn exact(mut self, value: impl Into<BooleanOrString>) -> Self {
        self.exact = Some(value.into());
        self
    }

    /// This if possible.
    #[must_use]
    pub fn ideal(mut self, value: impl Into<BooleanOrString>) -> Self {
        self.ideal = Some(value.into());
        self
    }
}

impl From<&str> for ConstrainBooleanOrDomString {
    fn from(value: &str) -> Self {
        Self { bare: Some(value.into()), ..Self::default() }
    }
}

impl From<bool> for ConstrainBooleanOrDomString {
    fn from(value: bool) -> Self {
        Self { bare: Some(value.into()), ..Self::default() }
    }
}
