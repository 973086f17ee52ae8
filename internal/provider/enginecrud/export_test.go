package enginecrud

// ReadImportAuthorities is importAuthorities.
var ReadImportAuthorities = importAuthorities
