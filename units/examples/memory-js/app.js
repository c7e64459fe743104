// A cache that goes when memory is short: half of it at a moderate warning, else all.
const cache = require('./cache.js')

App({
  onLaunch() {
    wx.onMemoryWarning(({ level }) => {
      const before = cache.size()
      if (level > 5) {
        cache.clear()
      } else {
        cache.halve()
      }
      console.log(`warning ${level}: the cache goes from ${before} to ${cache.size()} pictures`)
    })
  },

  onShow() {
    cache.fill(64)
    console.log(`the cache has ${cache.size()} pictures`)
  },
})
