const { ok, members, throws, please } = require('./lib/test')

const early = getApp({ allowDefault: true })
ok('getApp.object.allowDefault', typeof early === 'object' && getApp() === undefined)

const phase = () => Number(wx.getLaunchOptionsSync().query.phase || wx.getStorageSync('phase') || 1)

App({
  heard: [],

  onLaunch(options) {
    ok('App', getApp() === this && this === early && Array.isArray(this.heard))
    ok('getApp', getApp() === this)
    ok('getCurrentPages', getCurrentPages().length === 0)
    ok('App.onLaunch', JSON.stringify(options) === JSON.stringify(wx.getLaunchOptionsSync()) && options.path === 'pages/index')
    this.launched = true
  },

  onShow(options) {
    this.heard.push('App.onShow')
    ok('App.onShow', this.launched && options.scene === 1001 && JSON.stringify(options) === JSON.stringify(wx.getEnterOptionsSync()))
  },

  onHide(res) {
    this.heard.push('App.onHide')
    ok('App.onHide', this.heard.slice(-2).join() === 'Page.onHide,App.onHide', this.heard)
    ok('App.onHide.callback.reason', res.reason === 2, res)
  },

  onError(error) {
    if (error.includes('wanted error')) {
      ok('App.onError', typeof error === 'string' && error.includes('app.js'), error)
    } else {
      console.error('not ok: ' + error)
    }
  },

  onUnhandledRejection(res) {
    ok('App.onUnhandledRejection', res.reason.message === 'wanted rejection' && res.promise instanceof Promise)
  },

  onPageNotFound(res) {
    ok('App.onPageNotFound', res.path === 'pages/none' && res.query.a === '1' && res.isEntryPage === false, res)
    wx.reLaunch({ url: 'pages/index?after=notfound' })
  },

  throwLater() {
    setTimeout(() => { throw new Error('wanted error') }, 1)
  },

  phase,
})
