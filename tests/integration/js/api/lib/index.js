exports.name = 'lib'
