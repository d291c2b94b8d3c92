// ---------------------------------------------------------------- errors

/** The codes of the 2012 NavigatorUserMediaError. */
const CODES = { PERMISSION_DENIED: 1, NOT_SUPPORTED_ERROR: 2, MANDATORY_UNSATISFIED_ERROR: 3 };

/** Which of them goes with which of today's names. */
const CODE_OF = {
  TypeError: 'NOT_SUPPORTED_ERROR',
  NotSupportedError: 'NOT_SUPPORTED_ERROR',
  NotFoundError: 'MANDATORY_UNSATISFIED_ERROR',
  OverconstrainedError: 'MANDATORY_UNSATISFIED_ERROR',
};

/** Adds properties to what has properties of these names by its type, or forbids writing to them. */
function define(object, properties) {
  for (const [name, value] of Object.entries(properties)) {
    const isAccessor = value && typeof value === 'object' && typeof value.get === 'function';
    const descriptor = isAccessor ? value : { value, writable: true };
    Object.defineProperty(object, name, { ...descriptor, configurable: true, enumerable: true });
  }
  return object;
}

/** The error of a document of the service, or one of this script's own: name, message, remedy, and what else is known. */
function mediaError({ name, message, constraint, code, ...more }) {
  let error;
  if (name === 'TypeError') error = new TypeError(message);
  else if (name === 'OverconstrainedError') error = overconstrained(constraint || '', message);
  else error = new DOMException(message, name);
  return define(error, more);
}

function overconstrained(constraint, message) {
  try {
    return new OverconstrainedError(constraint, message);
  } catch {
    return define(new DOMException(message, 'OverconstrainedError'), { constraint });
  }
}

/** What the error callback of 2012 gets. */
class NavigatorUserMediaError {
  constructor(cause) {
    const name = CODE_OF[cause.name] || 'PERMISSION_DENIED';
    const { message, constraint = '', remedy } = cause;
    // The constraint's name had two names.
    Object.assign(this, CODES, { code: CODES[name], name, message, constraint, constraintName: constraint, remedy, cause });
  }

  toString() {
    return `NavigatorUserMediaError: ${this.name}: ${this.message}`;
  }
}
Object.assign(NavigatorUserMediaError, CODES);
