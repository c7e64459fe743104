const { ok, please } = require('../lib/test')

Page({
  onLoad(query) {
    const app = getApp()
    ok('Page.options', this.options.x === 'a=b' && query.x === 'a=b' && this.options.y === '')
    ok('Page.route', this.route === 'pages/other' && this.is === 'pages/other')
    if (app.phase() === 1) ok('Page.exitState', this.exitState === undefined)
    app.order = ['onLoad']
  },
  onShow() { getApp().order.push('onShow') },
  onReady() { getApp().order.push('onReady'); getApp().otherReady() },
  onHide() { getApp().heard.push('Page.onHide') },
  onUnload() { ok('Page.onUnload', true) },
  onSaveExitState() {
    ok('Page.onSaveExitState', true)
    return { data: { kept: [1, 'zwei'] }, expireTimeStamp: Date.now() + 3600000 }
  },
})
