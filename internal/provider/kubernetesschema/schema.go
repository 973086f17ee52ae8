// Package kubernetesschema has the attributes by which users set what the components of
// Kubernetes do, and what is done on nodes beside their bootstrap: their schema, their
// values, and what is wrong with them.
package kubernetesschema

import (
	"fmt"
	"maps"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

const (
	rollsControlPlane = "A change rolls the control plane. "
	rollsAll          = "A change rolls the control plane and the worker pools. "
)

// Kubernetes is the attribute profile.kubernetes.
func Kubernetes() schema.SingleNestedAttribute {
	attributes := map[string]schema.Attribute{
		"api_server": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "Settings of the API server. " + rollsControlPlane + "Defaults to none.",
			Attributes: map[string]schema.Attribute{
				"extra_args":   extraArgs("kube-apiserver", rollsControlPlane),
				"oidc":         oidcAttribute(),
				"audit_policy": auditPolicyAttribute(),
			},
		},
		"controller_manager": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "Settings of the controller manager. " + rollsControlPlane + "Defaults to none.",
			Attributes:          map[string]schema.Attribute{"extra_args": extraArgs("kube-controller-manager", rollsControlPlane)},
		},
		"scheduler": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "Settings of the scheduler. " + rollsControlPlane + "Defaults to none.",
			Attributes:          map[string]schema.Attribute{"extra_args": extraArgs("kube-scheduler", rollsControlPlane)},
		},
		"kubelet": schema.SingleNestedAttribute{
			Optional:            true,
			MarkdownDescription: "Settings of kubelet on all nodes. " + rollsAll + "Defaults to none.",
			Attributes: map[string]schema.Attribute{
				"extra_args": extraArgs("kubelet", rollsAll+"Most of kubelet's flags are deprecated: use `config` where it has the field. "),
				"config": schema.StringAttribute{
					Optional: true,
					MarkdownDescription: "Fields of KubeletConfiguration (`kubelet.config.k8s.io/v1beta1`), as a YAML or JSON object such as " +
						"`yamlencode({ maxPods = 60 })`, that take the place of the cluster's. Those by which nodes join and are trusted, such as " +
						"`authentication` and `cgroupDriver`, are refused, and so are fields that the Kubernetes version does not have. " +
						"It is compared by meaning. " + rollsAll + "Defaults to none.",
					Validators: []validator.String{kubeletFields{}},
				},
			},
		},
	}
	attributes["encryption_at_rest"] = encryptionAttribute()
	maps.Copy(attributes, Setup("all nodes", "node_files of a pool takes the place of one with the same path here. ",
		"Those of a pool run after these. ", rollsAll))
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Settings of the components of Kubernetes, and what is done on nodes beside their bootstrap. " +
			"They are written where joining nodes read them, and then the nodes that were built with others are rolled. Defaults to none.",
		Attributes: attributes,
	}
}

func extraArgs(component, more string) schema.MapAttribute {
	return schema.MapAttribute{
		Optional:    true,
		ElementType: types.StringType,
		MarkdownDescription: "Flags of `" + component + "`, by their names without dashes. They take the place of the defaults. " +
			"Flags that Gantry or kubeadm sets are refused, and so are those that the Kubernetes version does not have, as far as is known. " +
			"A file of the control plane's `node_files` that a flag of a control-plane component names is mounted into its pod. " +
			more + "Defaults to none.",
		Validators: []validator.Map{
			attribute.NoNulls{},
			mapvalidator.KeysAre(stringvalidator.RegexMatches(flagName, "must be the name of a flag, without dashes before it")),
			mapvalidator.ValueStringsAre(stringvalidator.UTF8LengthAtMost(4096), oneLine{}),
		},
	}
}

var flagName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,99}$`)

func encryptionAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Encryption of Secrets in etcd, and so in its snapshots, with secretbox (XSalsa20 and Poly1305). " +
			"The key is derived from the key of the cluster's certificate authority and from `key_version`: it is wherever the authorities are, " +
			"in the state and, unless `store_authorities` is `false`, in the Secret `gantry-pki`, and needs no backup of its own. " +
			"Each control-plane node holds the key, and that of the authority, in files of root: encrypt the disks of the nodes, too. " +
			"Set on a running cluster, it rolls the control plane twice and then writes all Secrets again, as `key_version` does. " +
			"It cannot be taken back. Defaults to none: Secrets are in clear text in etcd.",
		Attributes: map[string]schema.Attribute{
			"key_version": schema.Int64Attribute{
				CustomType: attribute.Int64Type{},
				Required:   true,
				MarkdownDescription: fmt.Sprintf("Version of the key, from 1 to %d. Raise it to change the key. ", model.MaxEncryptionVersion) +
					"The control plane is then rolled twice, so that all API servers can read the new key before one writes with it, " +
					"and then all Secrets are written again; `planned_changes` shows both rolls and the step `rewrite_secrets`. " +
					"The control plane's nodes keep the old key for reading until they are next replaced, for whatever reason. " +
					"A control plane that is restored from a snapshot reads the keys of all versions up to this one: never lower than the snapshot's. " +
					"It cannot be lowered.",
				Validators: []validator.Int64{int64validator.Between(1, model.MaxEncryptionVersion)},
			},
		},
	}
}

func auditPolicyAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Audit policy of the API server (`audit.k8s.io/v1`, kind `Policy`), as YAML or JSON. " +
			"Each control-plane node writes its log to `/var/log/kubernetes/audit/audit.log`, and keeps 10 files of 100 MB for 30 days: " +
			"`audit-log-maxage`, `audit-log-maxbackup` and `audit-log-maxsize` in `extra_args` change that. It is compared by meaning. " +
			rollsControlPlane + "Defaults to a policy that logs the metadata of what people do.",
		Validators: []validator.String{auditPolicy{}},
	}
}

func oidcAttribute() schema.SingleNestedAttribute {
	claim := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: doc,
			Validators:          []validator.String{stringvalidator.UTF8LengthAtMost(253), oneLine{}},
		}
	}
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Issuer of OpenID Connect tokens that the API server accepts, by a structured authentication configuration. " +
			rollsControlPlane + "Defaults to none.",
		Attributes: map[string]schema.Attribute{
			"issuer_url": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "URL of the issuer, as the tokens have it in their claim `iss`, with the scheme `https` and without a query. " +
					"The control plane's nodes have to reach it.",
				Validators: []validator.String{issuerURL{}},
			},
			"audiences": schema.ListAttribute{
				Required:    true,
				ElementType: types.StringType,
				MarkdownDescription: "Audiences, at least one, that the claim `aud` of a token may have: usually the client id. " +
					"A token needs one of them.",
				Validators: []validator.List{
					attribute.NoNulls{},
					listvalidator.SizeBetween(1, 64),
					listvalidator.UniqueValues(),
					listvalidator.ValueStringsAre(stringvalidator.UTF8LengthBetween(1, 253), oneLine{}),
				},
			},
			"ca_certificate": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Certificate authorities that the issuer's certificate is verified against, as PEM text. " +
					"Defaults to those of the node image.",
				Validators: []validator.String{attribute.CABundle{}},
			},
			"username_claim": claim("Claim that is the name of the user. Defaults to `sub`."),
			"username_prefix": claim("Prefix of the names of users, so that none is taken for one of the cluster's own; an empty one is none. " +
				"Defaults to `oidc:`."),
			"groups_claim":  claim("Claim that lists the groups of the user; an empty one is none. Defaults to `groups`."),
			"groups_prefix": claim("Prefix of the names of groups; an empty one is none. Defaults to `oidc:`."),
			"required_claims": schema.MapAttribute{
				Optional:            true,
				ElementType:         types.StringType,
				MarkdownDescription: "Claims that a token must have, by name, with these values. Defaults to none.",
				Validators: []validator.Map{
					attribute.NoNulls{},
					mapvalidator.KeysAre(stringvalidator.UTF8LengthBetween(1, 253), oneLine{}),
					mapvalidator.ValueStringsAre(stringvalidator.UTF8LengthBetween(1, 253), oneLine{}),
				},
			},
		},
	}
}

// Setup are the attributes of what is done on nodes beside their bootstrap. The texts say
// which nodes these are, how the attributes of the profile and of a pool go together, and
// what a change rolls.
func Setup(nodes, files, commands, rolls string) map[string]schema.Attribute {
	list := func(when string) schema.ListAttribute {
		return schema.ListAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Commands for `bash`, which run one after the other as root on " + nodes + " " + when + " " +
				"The first that fails ends it, and its output is in the error. " +
				fmt.Sprintf("They have %.0f minutes together: one that runs then is ended, and has failed. ", bootstrap.CommandsEndAfter.Minutes()) +
				"They see the variables of the nodes' proxy. " +
				"What they print goes to `/var/log/gantry-bootstrap.log`, and what looks like a secret is left out. " +
				commands + rolls + "Defaults to none.",
			Validators: []validator.List{
				attribute.NoNulls{},
				listvalidator.SizeAtMost(100),
				listvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1), plainText{}),
			},
		}
	}
	return map[string]schema.Attribute{
		"node_files": filesAttribute(nodes, files+rolls),
		"pre_bootstrap": list("before anything else of the bootstrap, once the network is up and files are written. " +
			"A node whose command fails does not join."),
		"post_bootstrap": list("once the node has joined. A node whose command fails stays a member of the cluster, and ends the apply with " +
			"an error. As long as it does, the cluster is `Degraded`. The next apply restarts the node once more: it is drained, powered off " +
			"and on, and runs that command again and those after it. What has passed is not run again. Where it fails again, change the " +
			"commands, or name the node in `replace_nodes`, and it is built anew."),
	}
}

func filesAttribute(nodes, more string) schema.MapNestedAttribute {
	content := func(doc, other string) schema.StringAttribute {
		return schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: doc,
			Validators: []validator.String{
				stringvalidator.LengthAtLeast(1),
				stringvalidator.ExactlyOneOf(path.MatchRelative().AtParent().AtName(other)),
				plainText{},
			},
		}
	}
	sensitive := content("Content of the file where it is secret; it is stored in state. Exactly one of this and `content` is set.", "content")
	sensitive.Sensitive = true
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Files that cloud-init writes on " + nodes + " before the bootstrap, by their absolute paths. " +
			"Those of Gantry, kubeadm and kubelet are refused. All that a node boots with has to fit into 64 KiB, compressed and encoded. " +
			more + "Defaults to none.",
		Validators: []validator.Map{
			attribute.NoNulls{},
			mapvalidator.KeysAre(filePath{}),
		},
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"content": content("Content of the file, as text. Exactly one of this and `sensitive_content` is set.", "sensitive_content"),

			"sensitive_content": sensitive,
			"permissions": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Mode of the file in octal digits, such as `0644`. Defaults to `0644`, " +
					"and to `0600` with `sensitive_content`.",
				Validators: []validator.String{octalMode{}},
			},
			"owner": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "User and group of the node image that own the file, as `user:group`. A node whose image does not have them " +
					"does not join. Defaults to `root:root`.",
				Validators: []validator.String{fileOwner{}},
			},
		}},
	}
}
