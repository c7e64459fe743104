exports.early = 1
const b = require('./circle-b')
exports.late = b.seen
