const cache = require('../cache.js')

Page({
  data: { pictures: 0 },

  onShow() {
    this.setData({ pictures: cache.size() })
  },
})
