const { ok, members, throws, forms, please } = require('./test')

const info = ['SDKVersion', 'version', 'platform', 'system', 'language', 'enableDebug', 'host']
const options = ['path', 'query', 'scene', 'referrerInfo', 'apiCategory', 'forwardMaterials']
const until = on => new Promise(on)

async function globals() {
  ok('require', require('./numbers.json').three === 3 && require('../lib').name === 'lib' &&
    require('/lib/index').name === 'lib' && require('./test') === require('../lib/test.js'))
  ok('require', require('./circle-a').late === 1 && require('./circle-a').early === 1)
  const out = ['../../../../etc/passwd', '../../etc/passwd', '/../x', './link-out']
  ok('require', out.every(p => /outside of the package|not defined/.test(throws(() => require(p)))), out.map(p => throws(() => require(p))))
  ok('require', [undefined, null, 1, {}, '', 'a\0b', './nothing'].every(p => throws(() => require(p)) !== undefined))

  const esm = require('./esm')
  ok('require', esm.default === 3 && esm.lib === 'lib' && esm.count === 1 && (esm.more(), esm.count === 2), Object.keys(esm))
  ok('require.async', await require.async('./numbers.json') === require('./numbers.json') &&
    await until(done => require('./test', done)) === require('./test') &&
    await require.async('./nothing').catch(e => e.message.includes('not defined')) === true &&
    await until((done, failed) => require('./nothing', done, done)) instanceof Error)

  const order = []
  await until(resolve => {
    setTimeout((a, b) => { order.push(a + b) }, 1, 'x', 'y')
    const off = setTimeout(() => order.push('cleared'), 1)
    clearTimeout(off)
    let n = 0
    const interval = setInterval(() => { order.push(++n); if (n === 3) { clearInterval(interval); setTimeout(resolve, 5) } }, 2)
    Promise.resolve().then(() => order.push('job'))
    order.push('sync')
  })
  ok('setTimeout', order[0] === 'sync' && order[1] === 'job' && order.includes('xy'), order)
  ok('setInterval', order.filter(x => typeof x === 'number').join() === '1,2,3', order)
  ok('clearTimeout', !order.includes('cleared'))
  ok('clearInterval', !order.includes(4))
  ok('setTimeout', throws(() => setTimeout('code', 1)).includes('Function instead of String'))

  for (const level of ['debug', 'log', 'info', 'warn', 'error']) {
    console[level]('said', level, { a: [1] }, null, undefined, 1.5, 10n, Symbol('s'))
    ok(`console.${level}`, true)
  }
  console.group('group')
  console.log('inner\nlines')
  console.groupEnd()
  const circle = {}
  circle.circle = circle
  console.log(circle, { get x() { throw new Error('x') } }, { toJSON() { throw 1 }, toString() { throw 2 } }, () => 1)
  ok('console.group', true)
  ok('console.groupEnd', true)
  ok('global', global === globalThis && !Object.keys(globalThis).includes('global'))
  ok('globalThis', globalThis.wx === wx && typeof window === 'undefined')
}

async function schema() {
  ok('canIUse', wx.canIUse('getUpdateManager') === true && wx.canIUse('showModal.object.title') === true &&
    wx.canIUse('showModal.success') === true && wx.canIUse('UpdateManager.applyUpdate') === true)
  const absent = ['request', 'showModal.object.editable', 'showModa', 'showModal.', '', 'button.open-type.contact',
    'toString', '__proto__', 'constructor', undefined, 7, {}, null, 'showModal\0', 'x'.repeat(1e5)]
  ok('canIUse', absent.every(x => wx.canIUse(x) === false), absent.map(x => wx.canIUse(x)))
  ok('canIUse', ['request', 'login', 'triggerGC', 'setBackgroundFetchToken', 'preDownloadSubpackage', 'onThemeChange'].every(x => wx[x] === undefined))
}

async function host() {
  const sync = wx.getSystemInfoSync()
  ok('getSystemInfoSync', sync.SDKVersion === '3.5.7' && sync.platform === 'linux', sync)
  members('getSystemInfoSync.return', sync, info)
  const { how, res, same } = await forms(wx.getSystemInfo, {})
  ok('getSystemInfo', how === 'ok' && same && res.errMsg === 'getSystemInfo:ok', res)
  members('getSystemInfo.success', res, info)
  const base = wx.getAppBaseInfo()
  ok('getAppBaseInfo', base.SDKVersion === sync.SDKVersion)
  members('getAppBaseInfo.return', base, ['SDKVersion', 'version', 'language', 'enableDebug', 'host'])
  const launch = wx.getLaunchOptionsSync()
  ok('getLaunchOptionsSync', launch.path === 'pages/index' && launch.query.first === 'yes', launch)
  members('getLaunchOptionsSync.return', launch, options)
  const enter = wx.getEnterOptionsSync()
  ok('getEnterOptionsSync', JSON.stringify(enter) === JSON.stringify(launch))
  members('getEnterOptionsSync.return', enter, options)
  const { how: sent, res: sentRes } = await forms(wx.updateWeChatApp, {})
  ok('updateWeChatApp', sent === 'ok' && sentRes.errMsg === 'updateWeChatApp:ok', sentRes)
}

async function storage() {
  wx.clearStorageSync()
  const values = ['', 'text', 'a\0b', 0, -1.5, NaN, Infinity, true, false, null, [1, [2]], { a: { b: 'ü\ud83d\ude00' } }]
  for (const v of values) {
    wx.setStorageSync('k', v)
    const back = wx.getStorageSync('k')
    ok('setStorageSync', Object.is(back, v) || (v && typeof v === 'object' && JSON.stringify(back) === JSON.stringify(v)), v)
  }
  wx.setStorageSync('date', new Date(5))
  ok('getStorageSync', wx.getStorageSync('date') instanceof Date && wx.getStorageSync('date').getTime() === 5)
  wx.setStorageSync('nothing', undefined)
  ok('getStorageSync', wx.getStorageSync('nothing') === undefined && wx.getStorageSync('never') === '')
  ok('getStorageSync', /parameter should be String instead of Number/.test(throws(() => wx.getStorageSync(1))))
  ok('setStorageSync', throws(() => wx.setStorageSync('t', { get x() { throw new Error('mine') } })) === 'mine')
  ok('setStorageSync', /item max length/.test(throws(() => wx.setStorageSync('big', 'x'.repeat(1 << 20)))))
  wx.setStorageSync('key\0x', 'nul')
  ok('setStorageSync', wx.getStorageSync('key\0x') === 'nul' && wx.getStorageSync('key') === '')

  const set = await forms(wx.setStorage, { key: 'async', data: { n: 1 } })
  ok('setStorage', set.how === 'ok' && set.same && set.res.errMsg === 'setStorage:ok', set)
  ok('setStorage.object.key', true)
  ok('setStorage.object.data', wx.getStorageSync('async').n === 1)
  const no = await forms(wx.setStorage, { data: 1 })
  ok('setStorage', no.how === 'fail' && no.same && no.res.errMsg === 'setStorage:fail parameter error: parameter.key should be String instead of Undefined;', no.res)
  ok('setStorage', (await forms(wx.setStorage, { key: 'e', data: 1, encrypt: true })).res.errMsg === 'setStorage:fail encrypt is not supported')
  ok('setStorage', throws(() => wx.setStorage({ get key() { throw new Error('getter') } })) === 'getter')
  ok('setStorage', throws(() => wx.setStorage({ get success() { throw new Error('getter') } })) === 'getter')
  const get = await forms(wx.getStorage, { key: 'async' })
  ok('getStorage', get.how === 'ok' && get.same && get.res.data.n === 1, get)
  ok('getStorage.object.key', true)
  members('getStorage.success', get.res, ['data'])
  const none = await forms(wx.getStorage, { key: 'never' })
  ok('getStorage', none.how === 'fail' && none.same && none.res.errMsg === 'getStorage:fail data not found', none)

  const all = wx.getStorageInfoSync()
  ok('getStorageInfoSync', all.keys.join() === 'k,date,nothing,key\0x,async' && all.limitSize === 10240 && all.currentSize === 1, all)
  members('getStorageInfoSync.return', all, ['keys', 'currentSize', 'limitSize'])
  const later = await forms(wx.getStorageInfo, {})
  ok('getStorageInfo', later.how === 'ok' && later.res.keys.join() === all.keys.join(), later)
  members('getStorageInfo.success', later.res, ['keys', 'currentSize', 'limitSize'])
  wx.removeStorageSync('date')
  wx.removeStorageSync('never')
  ok('removeStorageSync', !wx.getStorageInfoSync().keys.includes('date'))
  ok('removeStorage', (await forms(wx.removeStorage, { key: 'k' })).how === 'ok' && wx.getStorageSync('k') === '')
  ok('removeStorage.object.key', true)

  let filled = 0
  const full = throws(() => { for (; filled < 20; filled++) wx.setStorageSync('fill' + filled, 'x'.repeat(1000 * 1000)) })
  ok('setStorageSync', /exceed storage max size 10Mb/.test(full) && filled === 10, [filled, full])
  ok('clearStorage', (await forms(wx.clearStorage, {})).how === 'ok' && wx.getStorageInfoSync().keys.length === 0)
  wx.setStorageSync('again', 1)
  wx.clearStorageSync()
  ok('clearStorageSync', wx.getStorageInfoSync().currentSize === 0)
  wx.setStorageSync('kept', 'over restarts')
}

async function events() {
  let n = 0
  const more = () => { n++; wx.onError(more) }
  const once = e => { n += 100; wx.offError(once) }
  wx.onError(more)
  wx.onError(once)
  wx.onError(e => ok('onError.callback.message', e.message.includes('wanted error')))
  getApp().throwLater()
  await until(resolve => setTimeout(resolve, 20))
  ok('onError', n === 101, n)
  wx.offError()
  getApp().throwLater()
  await until(resolve => setTimeout(resolve, 20))
  ok('offError', n === 101, n)

  let rejections = 0
  const reject = res => { rejections++; members('onUnhandledRejection.callback', res, ['reason', 'promise']) }
  wx.onUnhandledRejection(reject)
  Promise.reject(new Error('wanted rejection'))
  const handled = Promise.reject(new Error('handled'))
  handled.catch(() => 0)
  await until(resolve => setTimeout(resolve, 20))
  ok('onUnhandledRejection', rejections === 1, rejections)
  wx.offUnhandledRejection(reject)
  Promise.reject(new Error('wanted rejection'))
  await until(resolve => setTimeout(resolve, 20))
  ok('offUnhandledRejection', rejections === 1, rejections)
  ok('onAppShow', /should be a Function instead of Undefined/.test(throws(() => wx.onAppShow())))
}

async function data(page) {
  await until(resolve => page.setData({ 'list[0].n': 2, 'list[1].m[2]': 'x', 'deep.b.c': { d: [1] }, undef: undefined }, resolve))
  ok('Page.setData', JSON.stringify(page.data) === '{"list":[{"n":2},{"m":[null,null,"x"]}],"deep":{"a":1,"b":{"c":{"d":[1]}}}}', page.data)
  ok('Page.setData', ['', 'a..b', 'a[', 'a[x]', '__proto__.x', 'deep.__proto__.x'].every(p => throws(() => page.setData({ [p]: 1 })) !== undefined))
  page.setData({ 'constructor.prototype.polluted': 1 })
  ok('Page.setData', ({}).polluted === undefined && page.data.constructor.prototype.polluted === 1)
  ok('Page', page.app === getApp() && page.circle.list.every(x => x === page.circle))
  ok('Page.setData', throws(() => page.setData()) !== undefined && throws(() => page.setData({ get x() { throw new Error('g') } })) === 'g')
}

async function pages(page) {
  const app = getApp()
  const ready = until(resolve => { app.otherReady = resolve })
  const to = await forms(wx.navigateTo, { url: 'none' })
  ok('navigateTo', to.how === 'fail' && to.same && to.res.errMsg === 'navigateTo:fail page "pages/none" is not found', to)
  ok('navigateTo', (await forms(wx.navigateTo, { url: '../../../etc' })).how === 'fail')
  ok('navigateTo', (await forms(wx.navigateTo, { url: '/pages/tab' })).res.errMsg === 'navigateTo:fail can not navigateTo a tabbar page')
  ok('redirectTo', (await forms(wx.redirectTo, { url: '/pages/tab' })).res.errMsg === 'redirectTo:fail can not redirectTo a tabbar page')
  ok('switchTab', (await forms(wx.switchTab, { url: '/pages/other' })).res.errMsg === 'switchTab:fail can not switch to no-tabBar page')
  ok('navigateBack', (await forms(wx.navigateBack, {})).res.errMsg === 'navigateBack:fail cannot navigate back at first page.')

  const res = await wx.navigateTo({ url: 'other?x=1&x=a=b&y=' })
  await ready
  ok('navigateTo', res.errMsg === 'navigateTo:ok' && app.order.join() === 'onLoad,onShow,onReady', app.order)
  ok('navigateTo.object.url', getCurrentPages().map(p => p.route).join() === 'pages/index,pages/other')
  await wx.redirectTo({ url: '/pages/plain?z' })
  ok('redirectTo', getCurrentPages().map(p => p.route).join() === 'pages/index,pages/plain')
  ok('redirectTo.object.url', true)
  let full
  while (!full) await wx.navigateTo({ url: 'plain' }).catch(e => { full = e.errMsg })
  ok('navigateTo', full === 'navigateTo:fail webview count limit exceed' && getCurrentPages().length === 10, full)
  await wx.navigateBack({ delta: 3 })
  ok('navigateBack.object.delta', getCurrentPages().length === 7)
  await wx.navigateBack()
  ok('navigateBack', getCurrentPages().length === 6)
  await wx.navigateBack({ delta: 100 })
  ok('navigateBack', getCurrentPages().length === 1 && getCurrentPages()[0] === page)
  await wx.switchTab({ url: '/pages/tab?dropped=1' })
  const tab = getCurrentPages()[0]
  ok('switchTab', getCurrentPages().length === 1 && tab.route === 'pages/tab' && tab.data.times === 1)
  await wx.navigateTo({ url: 'plain' })
  await wx.switchTab({ url: '/pages/tab' })
  ok('switchTab', getCurrentPages()[0] === tab && tab.data.times === 2, tab.data)
  await wx.reLaunch({ url: '/pages/other?x=a=b&y=' })
  ok('reLaunch', getCurrentPages().length === 1 && getCurrentPages()[0].route === 'pages/other')
  ok('reLaunch.object.url', true)
}

async function dialogs() {
  please('answer yes')
  const yes = await wx.showModal({ title: 'T'.repeat(100), content: 'line\nline '.repeat(200), showCancel: false, confirmText: '好的', cancelText: '取消' })
  ok('showModal', yes.errMsg === 'showModal:ok', yes)
  ok('showModal.success.confirm', yes.confirm === true)
  for (const part of ['title', 'content', 'showCancel', 'cancelText', 'confirmText']) ok(`showModal.object.${part}`, true)
  please('answer no')
  const no = await wx.showModal({ title: 'no' })
  ok('showModal.success.cancel', no.cancel === true && no.confirm === false)
  ok('showModal', (await forms(wx.showModal, { title: 5 })).res.errMsg === 'showModal:fail parameter error: parameter.title should be String instead of Number;')
  ok('showModal', /confirmText length/.test((await forms(wx.showModal, { confirmText: 'too long' })).res.errMsg))
  please('toast')
  const toast = await forms(wx.showToast, { title: 'hello', icon: 'none', duration: 10 })
  ok('showToast', toast.how === 'ok' && toast.same && toast.res.errMsg === 'showToast:ok', toast)
  for (const part of ['title', 'icon', 'duration']) ok(`showToast.object.${part}`, true)
}

async function life() {
  const app = getApp()
  const levels = []
  const warned = () => levels.push('first')
  wx.onMemoryWarning(warned)
  await until(resolve => {
    wx.onMemoryWarning(res => { levels.push(res.level); resolve() })
    please('warn')
  })
  ok('onMemoryWarning', levels.join() === 'first,10', levels)
  ok('onMemoryWarning.callback.level', true)
  wx.offMemoryWarning(warned)
  await until(resolve => { wx.onMemoryWarning(resolve); please('warn again') })
  ok('offMemoryWarning', levels.join() === 'first,10,10', levels)

  const heard = []
  const hidden = res => heard.push(['hide', res.reason])
  const shown = res => heard.push(['show', res.path])
  wx.onAppHide(hidden)
  wx.onAppShow(shown)
  await until(resolve => { wx.onAppShow(resolve); please('hide and open') })
  ok('onAppHide', heard[0][0] === 'hide', heard)
  ok('onAppHide.callback.reason', heard[0][1] === 2, heard)
  ok('onAppShow', heard[1][0] === 'show' && heard[1][1] === 'pages/index', heard)
  wx.offAppHide(hidden)
  wx.offAppShow(shown)
  app.heard.length = 0
  await until(resolve => { wx.onAppShow(resolve); please('hide and open again') })
  ok('offAppHide', heard.length === 2)
  ok('offAppShow', heard.length === 2)
  ok('App.onHide', app.heard.join() === 'Page.onHide,App.onHide,App.onShow', app.heard)
}

async function updates() {
  const manager = wx.getUpdateManager()
  ok('getUpdateManager', manager === wx.getUpdateManager() && Object.keys(manager).length === 4)
  const early = until(resolve => manager.onCheckForUpdate(resolve))
  const failed = until(resolve => manager.onUpdateFailed(resolve))
  please('fail an update')
  const check = await early
  members('UpdateManager.onCheckForUpdate.callback', check, ['hasUpdate'])
  ok('UpdateManager.onCheckForUpdate', check.hasUpdate === true)
  await failed
  ok('UpdateManager.onUpdateFailed', true)
  await until(resolve => manager.onUpdateFailed(resolve)) // late: it has happened
  const late = await until(resolve => manager.onCheckForUpdate(resolve))
  ok('UpdateManager.onCheckForUpdate', late.hasUpdate === true)
  ok('UpdateManager.onCheckForUpdate', throws(() => manager.onCheckForUpdate()) !== undefined)
}

let unheard = true
const deaf = () => { unheard = false }

exports.phase1 = async page => {
  await globals()
  await schema()
  await host()
  await storage()
  await events()
  await data(page)
  await dialogs()
  await updates()
  await pages(page)
  await life()
  wx.onPageNotFound(res => members('onPageNotFound.callback', res, ['path', 'query', 'isEntryPage']))
  wx.onPageNotFound(deaf)
  wx.offPageNotFound(deaf)
  please('open nothing')
}

exports.afterNotFound = async () => {
  ok('onPageNotFound', true)
  ok('offPageNotFound', unheard)
  const missing = throws(() => wx.restartMiniProgram({}))
  ok('restartMiniProgram', missing === undefined && wx.restartMiniProgram({ path: 5, fail: r => r }) === undefined)
  ok('restartMiniProgram.object.path', true)
  wx.restartMiniProgram({ path: '/pages/index?phase=2', success: res => ok('restartMiniProgram', res.errMsg === 'restartMiniProgram:ok') })
}

exports.phase2 = async () => {
  ok('getStorageSync', wx.getStorageSync('kept') === 'over restarts')
  const manager = wx.getUpdateManager()
  manager.applyUpdate() // too early: only the log hears of it
  const ready = until(resolve => manager.onUpdateReady(resolve))
  please('make an update')
  await ready
  ok('UpdateManager.onUpdateReady', true)
  await until(resolve => manager.onUpdateReady(resolve))
  wx.setStorageSync('phase', 3)
  ok('UpdateManager.applyUpdate', manager.applyUpdate() === undefined)
}

exports.phase3 = async () => {
  please('wait for the end')
  const res = await wx.exitMiniProgram()
  ok('exitMiniProgram', res.errMsg === 'exitMiniProgram:ok')
}
