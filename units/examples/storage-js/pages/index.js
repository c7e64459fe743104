Page({
  data: { notes: [] },

  onLoad(query) {
    /** @type {string[]} */
    const notes = wx.getStorageSync('notes') || []
    if (query.note) {
      notes.push(decodeURIComponent(query.note))
      wx.setStorageSync('notes', notes)
    }
    this.setData({ notes })
    console.log(`${notes.length} notes: ${notes.join(', ')}`)
  },
})
