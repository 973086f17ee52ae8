package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// The environment variables that stand in for attributes that are not set.
const (
	envServer   = "VSPHERE_SERVER"
	envUsername = "VSPHERE_USER"
	envPassword = "VSPHERE_PASSWORD"
	envInsecure = "VSPHERE_ALLOW_UNVERIFIED_SSL"
	envCA       = "GANTRY_CA_CERTIFICATE"
	envProxy    = "GANTRY_CLUSTER_PROXY_URL"
	envEventLog = "GANTRY_EVENT_LOG"
)

const (
	defaultMaxParallel = 8
	maxMaxParallel     = 64

	// vCenters are comfortable with so many tags.
	maxMaxClaims = 8000
)

func attributes() map[string]schema.Attribute {
	notEmpty := []validator.String{stringvalidator.LengthAtLeast(1)}
	return map[string]schema.Attribute{
		"vcenter_server": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Host name or address of the vCenter server, with a port where it is not 443. " +
				"Defaults to the environment variable `VSPHERE_SERVER`; one of the two is required.",
			Validators: notEmpty,
		},
		"username": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "User that the provider logs in to vCenter as. It keeps Gantry's records as vSphere tags and needs " +
				"the tagging privileges as a global permission. Defaults to the environment variable `VSPHERE_USER`; one of the two is required.",
			Validators: notEmpty,
		},
		"password": schema.StringAttribute{
			Optional:  true,
			Sensitive: true,
			MarkdownDescription: "Password of `username`. Defaults to the environment variable `VSPHERE_PASSWORD`; " +
				"one of the two is required.",
			Validators: notEmpty,
		},
		"ca_certificate": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Certificate authorities that vCenter's certificate is verified against, as PEM text. " +
				"Defaults to the environment variable `GANTRY_CA_CERTIFICATE`, which holds PEM text or the path of a PEM file, " +
				"and without it to the authorities of the system. Conflicts with `insecure_skip_verify = true`.",
			Validators: []validator.String{attribute.CABundle{}},
		},
		"insecure_skip_verify": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Whether any certificate of vCenter's is accepted, which lets anyone on the network read the password. " +
				"Defaults to the environment variable `VSPHERE_ALLOW_UNVERIFIED_SSL`, and without it to `false`. " +
				"The variable is ignored where a certificate authority is given.",
		},
		"cluster_proxy_url": schema.StringAttribute{
			Optional:  true,
			Sensitive: true, // it may carry a password
			MarkdownDescription: "URL of the HTTP proxy through which the Kubernetes APIs of clusters are reached, such as " +
				"`http://proxy.example.com:3128`. " +
				"vCenter is not reached through it. Defaults to the environment variable `GANTRY_CLUSTER_PROXY_URL`, and without it to no proxy.",
			Validators: notEmpty,
		},
		"max_parallel_operations": schema.Int64Attribute{
			CustomType: attribute.Int64Type{},
			Optional:   true,
			MarkdownDescription: "Number of vCenter operations, such as clones, that one cluster or gateway runs at a time, from 1 to 64. " +
				"Defaults to 8.",
			Validators: []validator.Int64{int64validator.Between(1, maxMaxParallel)},
		},
		"event_log":   eventLogAttribute(notEmpty),
		"max_claims":  maxClaimsAttribute(),
		"chart_hosts": chartHostsAttribute(),
	}
}

func maxClaimsAttribute() schema.Attribute {
	return schema.Int64Attribute{
		CustomType: attribute.Int64Type{},
		Optional:   true,
		MarkdownDescription: "Number of tags that Gantry may keep in the vCenter before it claims no more addresses, from 1 to " +
			"8,000. Nearly all of them are addresses in use, " +
			"one each; a pool, gateway, cloud account or cluster has a few. vCenter takes about 8,000 tags without trouble, those of " +
			"others included. Defaults to 4,000.",
		Validators: []validator.Int64{int64validator.Between(1, maxMaxClaims)},
	}
}

func eventLogAttribute(validators []validator.String) schema.Attribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "File that applies and destructions append what they do to, while they do it, one JSON object a line: the start " +
			"and the end of each step with its duration, why one has failed, and at least every ten seconds what is waited for. " +
			"Several runs may append to the same file. " +
			"A relative path is one in the directory that Terraform runs in. The directory has to exist. " +
			"Defaults to the environment variable `GANTRY_EVENT_LOG`, and without it to no file. The guide \"Events\" shows the fields.",
		Validators: validators,
	}
}
