// usermedia.js: navigator.mediaDevices.getUserMedia and navigator.getUserMedia by the camera and the microphone of
// `usermedia serve`, for web views that have none. No dependencies. docs/usermedia-js.md says how to use it.
//
//   <script src="http://127.0.0.1:8080/usermedia.js?token=…"></script>
//
// Licence: MIT or Apache-2.0, as you like.
