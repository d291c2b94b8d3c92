//! What a test tells a device that is plugged in: lines of text, each answered with a number of eight bytes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::faults::{Injection, nanoseconds};

/// An order. At the end of its orders a device goes, without a word to anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// To do something wrong. The answer is the number of the next frame.
    Inject(Injection),
    /// That the microphone answers no transfer for so long. The answer is the time.
    Mute(Duration),
    /// To fail every transfer from now on. The answer is the time.
    Fail,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Inject(injection) => write!(f, "inject {injection}"),
            Order::Mute(time) => write!(f, "mute {}", nanoseconds(*time)),
            Order::Fail => f.write_str("fail "),
        }
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Order, ()> {
        match text.split_once(' ').ok_or(())? {
            ("inject", injection) => injection.parse().map(Order::Inject),
            ("mute", time) => time.parse().map(|time| Order::Mute(Duration::from_nanos(time))).map_err(drop),
            ("fail", "") => Ok(Order::Fail),
            _ => Err(()),
        }
    }
}

/// Tests that need no kernel.
pub const TESTS: &[(&str, fn())] =
    &[("usb_orders::an_order_is_understood_as_it_was_given", an_order_is_understood_as_it_was_given)];

fn an_order_is_understood_as_it_was_given() {
    let stall = super::faults::Fault::Stall(Duration::from_millis(500)).at(9);
    for order in [Order::Inject(stall), Order::Mute(Duration::from_secs(3)), Order::Fail] {
        assert_eq!(order.to_string().parse(), Ok(order));
    }
    assert_eq!("dance ".parse::<Order>(), Err(()));
}
