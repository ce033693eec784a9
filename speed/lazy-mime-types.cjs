// In place of the package, which is loaded when it is first asked something.
module.exports = new Proxy({}, { get: (_, name) => require('mime-types/index.js')[name] });
