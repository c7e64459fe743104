/* SPDX-License-Identifier: MIT */
#include "supervisor/js/module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/map.h"
#include "supervisor/js/esm.h"
#include "supervisor/js/js.h"
#include "supervisor/js/path.h"

#define NPM "miniprogram_npm"
/* Born with its member: no setter that a script gave Object.prototype is asked for it. */
#define MODULE "{\"exports\":null}"

struct module {
    char path[PATH_TEXT_MAX];
    JSObjectRef module; /* { exports } */
};

static JSStringRef source_of(const char *text) {
    static const char head[] = "(function (require, module, exports) {", tail[] = "\n})";
    size_t n = strlen(text), size = sizeof head + n + sizeof tail;
    CLEANUP(free_p) char *wrapped = malloc(size);

    if (!wrapped)
        return NULL;
    (void) snprintf(wrapped, size, "%s%s%s", head, text, tail);
    return JSStringCreateWithUTF8CString(wrapped);
}

/* The text as a function of the module's three names; line numbers are the file's. */
static JSObjectRef compile_common(struct js *js, const char *path, const char *text,
                                  JSValueRef *exc) {
    JSStringRef source = source_of(text), url = JSStringCreateWithUTF8CString(path);
    JSValueRef f = NULL;

    if (source)
        f = JSEvaluateScript(js->ctx, source, NULL, url, 1, exc);
    else
        (void) value_throw(js->ctx, exc, "out of memory");
    if (source)
        JSStringRelease(source);
    JSStringRelease(url);
    return value_function(js->ctx, f);
}

/* What the engine does not take may be written with import and export: no other script pays for
 * those. The error is then that of what was made of it. */
static JSObjectRef compile(struct js *js, const char *path, const char *text, JSValueRef *exc) {
    CLEANUP(str_clear_p) struct str common = STR_INIT(4 * PACKAGE_SOURCE_MAX);
    JSValueRef thrown = NULL;
    JSObjectRef f = compile_common(js, path, text, &thrown);

    if (!f && esm_compile(text, &common) > 0) {
        thrown = NULL;
        f = compile_common(js, path, str_text(&common), &thrown);
    }
    if (thrown)
        *exc = thrown;
    return f;
}

static JSObjectRef make_require(struct js *js, const char *path) {
    JSValueRef args[] = { js->modules.resolve, value_string(js->ctx, path) };

    return value_object(
        js->ctx, JSObjectCallAsFunction(js->ctx, js->modules.make_require, NULL, 2, args, NULL));
}

static void run_script(struct js *js, struct module *m, const char *text, JSValueRef *exc) {
    JSObjectRef f = compile(js, m->path, text, exc);
    JSObjectRef exports = JSObjectMake(js->ctx, NULL, NULL);

    if (!f)
        return;
    value_set(js->ctx, m->module, "exports", exports);
    JSObjectRef require = make_require(js, m->path);
    if (!require) {
        (void) value_throw(js->ctx, exc, "out of memory");
        return;
    }
    JSValueRef args[] = { require, m->module, exports };
    (void) JSObjectCallAsFunction(js->ctx, f, NULL, 3, args, exc);
}

static void run_json(struct js *js, struct module *m, const char *text, JSValueRef *exc) {
    JSValueRef v = value_json(js->ctx, text);

    if (v)
        value_set(js->ctx, m->module, "exports", v);
    else
        (void) value_throw(js->ctx, exc, "'%s' is not JSON", m->path);
}

static bool ends_in(const char *path, const char *tail) {
    size_t n = strlen(path), k = strlen(tail);
    return n > k && strcmp(path + n - k, tail) == 0;
}

static struct module *module_new(struct js *js, const char *path) {
    struct module *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    (void) snprintf(m->path, sizeof m->path, "%s", path);
    m->module = value_keep(js->ctx, value_object(js->ctx, value_json(js->ctx, MODULE)));
    if (m->module && map_put(js->modules.by_path, m->path, m) == 0)
        return m;
    (void) value_drop(js->ctx, m->module);
    free(m);
    return NULL;
}

static void module_forget(struct js *js, struct module *m) {
    (void) map_take(js->modules.by_path, m->path);
    (void) value_drop(js->ctx, m->module);
    free(m);
}

/* A module that threw is run anew when it is asked for again. */
static JSValueRef load_text(struct js *js, const char *path, const char *text, JSValueRef *exc) {
    struct module *m = module_new(js, path);
    JSValueRef thrown = NULL, exports = NULL;

    if (!m) {
        (void) value_throw(js->ctx, exc, "out of memory");
        return NULL;
    }
    if (ends_in(path, ".json"))
        run_json(js, m, text, &thrown);
    else
        run_script(js, m, text, &thrown);
    if (!thrown)
        exports = value_get(js->ctx, m->module, "exports", &thrown);
    if (!thrown)
        return exports;
    module_forget(js, m);
    *exc = thrown;
    return NULL;
}

/* An exact path. -ENOENT: there is no such file; -EBADMSG: *exc. */
static int load_exact(struct js *js, const char *path, JSValueRef *ret, JSValueRef *exc) {
    struct module *m = map_get(js->modules.by_path, path);
    CLEANUP(free_p) char *text = NULL;

    if (m) {
        *ret = value_get(js->ctx, m->module, "exports", exc);
        return *ret ? 0 : -EBADMSG;
    }
    int r = package_read(&js->package, path, &text);
    if (r < 0)
        return r;
    *ret = load_text(js, path, text, exc);
    return *ret ? 0 : -EBADMSG;
}

/* "x" if it is a script or JSON, "x.js", "x/index.js"; of the root "index.js". */
static int load_like(struct js *js, const char *path, JSValueRef *ret, JSValueRef *exc) {
    static const char *const tails[] = { "", ".js", "/index.js" };
    char whole[PATH_TEXT_MAX];
    int r;

    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        const char *tail = *path ? tails[i] : "index.js";
        if (snprintf(whole, sizeof whole, "%s%s", path, tail) >= (int) sizeof whole)
            return -ENAMETOOLONG;
        if (!ends_in(whole, ".js") && !ends_in(whole, ".json"))
            continue;
        r = load_exact(js, whole, ret, exc);
        if (r != -ENOENT && r != -EISDIR && r != -ENOTDIR)
            return r;
    }
    return -ENOENT;
}

/* miniprogram_npm of the asking file's folder, then of each one above it. */
static int load_npm(struct js *js, const char *from, const char *name, JSValueRef *ret,
                    JSValueRef *exc) {
    char folder[PATH_TEXT_MAX], path[PATH_TEXT_MAX];
    char *slash;

    (void) snprintf(folder, sizeof folder, "%s", from);
    do {
        slash = strrchr(folder, '/');
        folder[slash ? slash - folder : 0] = '\0';
        int n = snprintf(path, sizeof path, "%s%s" NPM "/%s", folder, slash ? "/" : "", name);
        if (n >= (int) sizeof path)
            return -ENAMETOOLONG;
        int r = load_like(js, path, ret, exc);
        if (r != -ENOENT)
            return r;
    } while (slash);
    return -ENOENT;
}

static JSValueRef require(struct js *js, const char *from, const char *name, JSValueRef *exc) {
    char path[PATH_TEXT_MAX];
    JSValueRef exports = NULL;

    int r = path_resolve(from, name, path);
    if (r == 0)
        r = load_like(js, path, &exports, exc);
    if (r == -ENOENT && name[0] != '.' && name[0] != '/')
        r = load_npm(js, from, name, &exports, exc);
    if (r == -EACCES || r == -EXDEV || r == -ELOOP)
        return value_throw(js->ctx, exc, "module '%.200s' is outside of the package", name);
    if (r == -ENOENT)
        return value_throw(js->ctx, exc, "module '%.200s' is not defined, require args is '%.200s'",
                           path, name);
    if (r < 0 && r != -EBADMSG)
        return value_throw(js->ctx, exc, "module '%.200s' cannot be read: %s", name, strerror(-r));
    return exports;
}

/* resolve(from, name): a module's require() gives its own path. */
static JS_FUNCTION(resolve) {
    CLEANUP(str_clear_p) struct str from = STR_INIT(PATH_TEXT_MAX), name = STR_INIT(PATH_TEXT_MAX);

    (void) function;
    (void) self;
    if (n < 2 || !JSValueIsString(ctx, args[1]))
        return value_throw(ctx, exc, "require: the argument should be a String");
    if (value_text(ctx, args[0], &from, exc) < 0 || value_text(ctx, args[1], &name, exc) < 0)
        return *exc ? JSValueMakeUndefined(ctx)
                    : value_throw(ctx, exc, "require: the path is too long");
    if (strlen(str_text(&name)) != name.len)
        return value_throw(ctx, exc, "require: the path has a NUL in it");
    return require(js_of(ctx), str_text(&from), str_text(&name), exc);
}

JSValueRef module_load(struct js *js, const char *path, JSValueRef *exc) {
    JSValueRef exports = NULL;
    int r = load_exact(js, path, &exports, exc);

    if (r < 0 && r != -EBADMSG)
        (void) value_throw(js->ctx, exc, "'%s' cannot be read: %s", path, strerror(-r));
    return exports;
}

int modules_init(struct js *js) {
    JSStringRef source = JSStringCreateWithUTF8CString(
        "(function (resolve, path) {"
        " function require(name, done, failed) {"
        "  if (typeof done !== 'function') return resolve(path, name);"
        "  require.async(name).then(done, failed); }"
        " require.async = async name => resolve(path, name);"
        " return require; })");
    JSValueRef f = JSEvaluateScript(js->ctx, source, NULL, NULL, 1, NULL);

    JSStringRelease(source);
    js->modules.by_path = map_new();
    js->modules.make_require = value_keep(js->ctx, value_function(js->ctx, f));
    js->modules.resolve = value_keep(js->ctx, value_make_function(js->ctx, "resolve", resolve));
    return js->modules.by_path && js->modules.make_require ? 0 : -ENOMEM;
}
