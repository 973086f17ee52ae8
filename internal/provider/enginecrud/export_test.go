package enginecrud

// ReadImportAuthorities is importAuthorities.
var ReadImportAuthorities = importAuthorities

// WithoutOmitted is withoutOmitted.
var WithoutOmitted = withoutOmitted
