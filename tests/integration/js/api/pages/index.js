const { ok, members, throws, forms, please } = require('../lib/test')
const tests = require('../lib/tests.js')
const circle = { list: [] }
circle.list.push(circle, circle)

Page({
  app: getApp(),
  circle,
  data: { list: [{ n: 1 }], deep: { a: 1 } },
  field: { own: [] },

  onLoad(query) {
    this.order = ['onLoad']
    this.field.own.push(1)
    ok('Page', getCurrentPages().slice(-1)[0] === this && this.field.own.length === 1)
    ok('Page.data', this.data.list[0].n === 1 && query === query)
    ok('Page.onLoad', typeof query === 'object')
  },

  onShow() {
    this.order.push('onShow')
    ok('Page.onShow', this.order.join().startsWith('onLoad,onShow'))
  },

  onReady() {
    this.order.push('onReady')
    ok('Page.onReady', this.order.join() === 'onLoad,onShow,onReady', this.order)
    const phase = getApp().phase()
    const run = this.options.after === 'notfound' ? tests.afterNotFound : tests[`phase${phase}`]
    run(this).catch(e => console.error(`not ok phase ${phase}: ${e.stack || JSON.stringify(e)}`))
  },

  onHide() { ok('Page.onHide', true) },
})
