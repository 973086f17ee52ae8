package nodeschema

// DecodeProxy is what a proxy is in a spec.
var DecodeProxy = decodeProxy
