Page({
  data: { text: '' },

  onLoad() {
    const { SDKVersion } = wx.getAppBaseInfo()
    this.setData({ text: `base library ${SDKVersion}` })
  },
})
