package nodeschema

// DecodeProxy is what a proxy is in a spec.
var DecodeProxy = decodeProxy

// NoProxy validates what is reached without the proxy.
var NoProxy = noProxy{}
