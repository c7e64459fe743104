const { ok } = require('../lib/test')

Page({
  data: { times: 0 },
  onLoad(query) { ok('switchTab.object.url', this.route === 'pages/tab' && Object.keys(query).length === 0) },
  onShow() { this.setData({ times: this.data.times + 1 }) },
})
