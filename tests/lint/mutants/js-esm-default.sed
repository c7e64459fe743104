# file: supervisor/js/esm.c test: js/test_esm
s/m.__esModule ? m.default : m/m.__esModule ? m : m/
