package kube

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// Services lists the services that are reached from outside of the cluster.
func (a *api) Services(ctx context.Context) ([]model.Service, error) {
	var services []model.Service
	err := pages(metav1.ListOptions{Limit: pageSize}, func(options metav1.ListOptions) (metav1.ListInterface, error) {
		list, err := a.clients.CoreV1().Services(metav1.NamespaceAll).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if s := &list.Items[i]; s.Spec.Type == corev1.ServiceTypeLoadBalancer || s.Spec.Type == corev1.ServiceTypeNodePort {
				services = append(services, fromService(s))
			}
		}
		return list, nil
	})
	if err != nil {
		return nil, failed(ctx, err, "list the services")
	}
	slices.SortFunc(services, func(a, b model.Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return services, nil
}

func fromService(s *corev1.Service) model.Service {
	service := model.Service{Namespace: s.Namespace, Name: s.Name, Type: string(s.Spec.Type)}
	for _, ingress := range s.Status.LoadBalancer.Ingress {
		if address := cmp.Or(ingress.IP, ingress.Hostname); address != "" {
			service.Addresses = append(service.Addresses, printable.Line(address, maxReason))
		}
	}
	for _, p := range s.Spec.Ports {
		service.Ports = append(service.Ports, model.ServicePort{
			Name: p.Name, Port: p.Port, NodePort: p.NodePort, Protocol: string(cmp.Or(p.Protocol, corev1.ProtocolTCP)),
		})
	}
	return service
}
