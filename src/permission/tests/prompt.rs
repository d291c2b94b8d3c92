//! The prompt: what it shows, and whom it asks how often.

use std::cell::RefCell;

use super::{Desk, no};
use crate::permission::prompt::{is_yes, question};
use crate::permission::{Decision, PermissionRequest, RequestedDevice, TerminalPrompt};

#[test]
fn the_question_names_each_device_with_its_node_and_what_is_tried_else() {
    let desk = Desk::new();
    let expected = "\ndoorbell would like to use
  camera      HD Pro Webcam C920 (/dev/video0)
  or else     Laptop (/dev/video2)
  microphone  HD Pro Webcam C920 (hw:1,0)
Allow it? [y/N] ";
    assert_eq!(question("doorbell", &desk.all()), expected);
}

#[test]
fn a_label_cannot_rewrite_the_question() {
    let desk = Desk::new();
    let label = "Cam\x1b[2K\r\u{9b}1A\u{202e}era\n\u{200b}";
    let evil = PermissionRequest::new([RequestedDevice { label, ..desk.webcam() }]);
    let question = question("doorbell", &evil);
    assert!(question.contains("camera      Cam[2K1Aera (/dev/video0)\n"), "{question:?}");
}

#[test]
fn only_y_and_yes_are_a_yes() {
    assert!(["y", "Y\n", "yes\r\n", " yEs "].iter().all(|line| is_yes(line.as_bytes())));
    assert!(!["", "\n", "n", "yy", "yes please", "y\0", "\u{ff59}"].iter().any(|line| is_yes(line.as_bytes())));
}

/// A person who answers so, and how often they were asked about what.
struct Person {
    answer: bool,
    asked: RefCell<Vec<String>>,
}

impl Person {
    fn who_says(answer: bool) -> Self {
        Self { answer, asked: RefCell::default() }
    }

    fn decides(&self, prompt: &TerminalPrompt, request: &PermissionRequest<'_>) -> Decision {
        prompt.decide_with(request, |question| {
            self.asked.borrow_mut().push(question.to_owned());
            Ok(self.answer)
        })
    }
}

#[test]
fn an_answer_is_remembered_for_the_devices_it_was_given_for() {
    let (desk, prompt) = (Desk::new(), TerminalPrompt::named("doorbell"));
    let person = Person::who_says(true);
    let camera = PermissionRequest::new([desk.webcam()]);
    assert_eq!(person.decides(&prompt, &camera), Decision::Granted);
    assert_eq!(person.decides(&prompt, &camera), Decision::Granted);
    assert_eq!(person.asked.borrow().len(), 1);
    assert_eq!(person.decides(&prompt, &desk.all()), Decision::Granted);
    let asked = person.asked.borrow();
    assert!(asked.len() == 2 && asked[1].contains("Laptop") && !asked[1].contains("/dev/video0"), "{asked:?}");
}

#[test]
fn a_no_is_remembered_too_and_ends_the_request() {
    let (desk, prompt) = (Desk::new(), TerminalPrompt::named("doorbell"));
    let person = Person::who_says(false);
    for _ in 0..2 {
        assert!(matches!(person.decides(&prompt, &desk.all()), Decision::Denied(_)));
    }
    assert_eq!(person.asked.borrow().len(), 1);
}

#[test]
fn of_devices_with_answers_of_both_kinds_the_allowed_ones_are_left() {
    let (desk, prompt) = (Desk::new(), TerminalPrompt::named("doorbell"));
    Person::who_says(true).decides(&prompt, &PermissionRequest::new([desk.webcam()]));
    Person::who_says(false).decides(&prompt, &PermissionRequest::new([desk.laptop()]));
    let person = Person::who_says(true);
    let cameras = PermissionRequest::new([desk.webcam(), desk.laptop()]);
    let Decision::GrantedExcept(denied) = person.decides(&prompt, &cameras) else { panic!() };
    assert!(denied.len() == 1 && denied[0].is(&desk.laptop()));
    assert!(person.asked.borrow().is_empty());
}

#[test]
fn where_nobody_can_be_asked_nothing_is_remembered() {
    let (desk, prompt) = (Desk::new(), TerminalPrompt::named("doorbell"));
    assert_eq!(prompt.decide_with(&desk.all(), |_| Err(no())), Decision::Denied(no()));
    assert_eq!(Person::who_says(true).decides(&prompt, &desk.all()), Decision::Granted);
}
