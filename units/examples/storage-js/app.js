// What is in storage is on the disk when setStorageSync returns.
App({
  onLaunch() {
    const starts = (wx.getStorageSync('starts') || 0) + 1
    wx.setStorageSync('starts', starts)
    console.log(`start ${starts}`)
  },
})
