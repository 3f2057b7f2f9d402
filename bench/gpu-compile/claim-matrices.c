// A Vulkan layer that claims VK_KHR_cooperative_matrix on a driver without it, so that Dawn writes SPIR-V for WGSL with subgroup
// matrices on a machine without a GPU. Nothing runs: each shader module is written to $SPIRV_FOLDER/NUMBER.spv, and pipelines fail
// to be made, on purpose.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

// From Vulkan 1.3.255; Debian 12's headers are older.
#ifndef VK_KHR_cooperative_matrix
#define VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME "VK_KHR_cooperative_matrix"
#define VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR ((VkStructureType)1000506000)
#define VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR ((VkStructureType)1000506002)
typedef enum { VK_COMPONENT_TYPE_FLOAT16_KHR = 0, VK_COMPONENT_TYPE_FLOAT32_KHR = 1 } VkComponentTypeKHR;
typedef enum { VK_SCOPE_SUBGROUP_KHR = 3 } VkScopeKHR;
typedef struct { VkStructureType sType; void* pNext; VkBool32 cooperativeMatrix, cooperativeMatrixRobustBufferAccess; } VkPhysicalDeviceCooperativeMatrixFeaturesKHR;
typedef struct { VkStructureType sType; void* pNext; VkShaderStageFlags cooperativeMatrixSupportedStages; } VkPhysicalDeviceCooperativeMatrixPropertiesKHR;
typedef struct {
  VkStructureType sType;
  void* pNext;
  uint32_t MSize, NSize, KSize;
  VkComponentTypeKHR AType, BType, CType, ResultType;
  VkBool32 saturatingAccumulation;
  VkScopeKHR scope;
} VkCooperativeMatrixPropertiesKHR;
#endif

static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;
static PFN_GetPhysicalDeviceProcAddr next_physical;
// Looked up while the instance is made: later, the loader answers with the top of the chain, which is this layer again.
static PFN_vkEnumerateDeviceExtensionProperties next_extensions;
static PFN_vkGetPhysicalDeviceFeatures2 next_features;
static PFN_vkGetPhysicalDeviceProperties2 next_properties;
static PFN_vkGetPhysicalDeviceProperties next_plain_properties;
static PFN_vkCreateDevice next_create_device;

// Of workgroup memory: what AMD's GPUs have.
#define WORKGROUP_BYTES 65536

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo* info, const VkAllocationCallbacks* allocator, VkInstance* out) {
  VkLayerInstanceCreateInfo* link = (VkLayerInstanceCreateInfo*)info->pNext;
  while (link->sType != VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO) link = (VkLayerInstanceCreateInfo*)link->pNext;
  next_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  next_physical = link->u.pLayerInfo->pfnNextGetPhysicalDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  VkResult result = ((PFN_vkCreateInstance)next_instance(NULL, "vkCreateInstance"))(info, allocator, out);
  if (result != VK_SUCCESS) return result;
  next_extensions = (PFN_vkEnumerateDeviceExtensionProperties)next_instance(*out, "vkEnumerateDeviceExtensionProperties");
  next_features = (PFN_vkGetPhysicalDeviceFeatures2)next_instance(*out, "vkGetPhysicalDeviceFeatures2");
  next_properties = (PFN_vkGetPhysicalDeviceProperties2)next_instance(*out, "vkGetPhysicalDeviceProperties2");
  next_plain_properties = (PFN_vkGetPhysicalDeviceProperties)next_instance(*out, "vkGetPhysicalDeviceProperties");
  next_create_device = (PFN_vkCreateDevice)next_instance(*out, "vkCreateDevice");
  return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL extensions(VkPhysicalDevice device, const char* layer, uint32_t* count, VkExtensionProperties* out) {
  if (layer != NULL) return next_extensions(device, layer, count, out);
  uint32_t own = 0;
  next_extensions(device, NULL, &own, NULL);
  if (out == NULL) { *count = own + 1; return VK_SUCCESS; }
  if (*count < own + 1) return VK_INCOMPLETE;
  next_extensions(device, NULL, &own, out);
  memset(&out[own], 0, sizeof out[own]);
  strcpy(out[own].extensionName, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME);
  out[own].specVersion = 2;
  *count = own + 1;
  return VK_SUCCESS;
}

static void* take(void* chain, VkStructureType type) {
  for (VkBaseOutStructure* s = ((VkBaseOutStructure*)chain)->pNext; s; s = s->pNext) if (s->sType == type) return s;
  return NULL;
}

static VKAPI_ATTR void VKAPI_CALL features(VkPhysicalDevice device, VkPhysicalDeviceFeatures2* out) {
  next_features(device, out);
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR* own = take(out, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR);
  if (own) own->cooperativeMatrix = VK_TRUE;
}

static VKAPI_ATTR void VKAPI_CALL properties(VkPhysicalDevice device, VkPhysicalDeviceProperties2* out) {
  next_properties(device, out);
  VkPhysicalDeviceCooperativeMatrixPropertiesKHR* own = take(out, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR);
  if (own) own->cooperativeMatrixSupportedStages = VK_SHADER_STAGE_COMPUTE_BIT;
  out->properties.limits.maxComputeSharedMemorySize = WORKGROUP_BYTES;
}

static VKAPI_ATTR void VKAPI_CALL plain_properties(VkPhysicalDevice device, VkPhysicalDeviceProperties* out) {
  next_plain_properties(device, out);
  out->limits.maxComputeSharedMemorySize = WORKGROUP_BYTES;
}

static VKAPI_ATTR VkResult VKAPI_CALL configurations(VkPhysicalDevice device, uint32_t* count, VkCooperativeMatrixPropertiesKHR* out) {
  const VkComponentTypeKHR results[2] = {VK_COMPONENT_TYPE_FLOAT32_KHR, VK_COMPONENT_TYPE_FLOAT16_KHR};
  if (out)
    for (uint32_t i = 0; i < 2; i++) {
      out[i].MSize = out[i].NSize = out[i].KSize = 16;
      out[i].AType = out[i].BType = VK_COMPONENT_TYPE_FLOAT16_KHR;
      out[i].CType = out[i].ResultType = results[i];
      out[i].saturatingAccumulation = VK_FALSE;
      out[i].scope = VK_SCOPE_SUBGROUP_KHR;
    }
  *count = 2;
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_module(VkDevice device, const VkShaderModuleCreateInfo* info, const VkAllocationCallbacks* allocator, VkShaderModule* out) {
  static int number = 0;
  const char* folder = getenv("SPIRV_FOLDER");
  if (folder) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d.spv", folder, number++);
    FILE* file = fopen(path, "wb");
    if (file) { fwrite(info->pCode, 1, info->codeSize, file); fclose(file); }
  }
  return ((PFN_vkCreateShaderModule)next_device(device, "vkCreateShaderModule"))(device, info, allocator, out);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count, const VkComputePipelineCreateInfo* infos, const VkAllocationCallbacks* allocator, VkPipeline* out) {
  for (uint32_t i = 0; i < count; i++) out[i] = VK_NULL_HANDLE;
  return VK_ERROR_OUT_OF_HOST_MEMORY;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo* info, const VkAllocationCallbacks* allocator, VkDevice* out) {
  VkLayerDeviceCreateInfo* link = (VkLayerDeviceCreateInfo*)info->pNext;
  while (link->sType != VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO || link->function != VK_LAYER_LINK_INFO) link = (VkLayerDeviceCreateInfo*)link->pNext;
  next_device = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  // The driver is not told of what it does not have.
  const char* names[256];
  uint32_t kept = 0;
  for (uint32_t i = 0; i < info->enabledExtensionCount && kept < 256; i++)
    if (strcmp(info->ppEnabledExtensionNames[i], VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME) != 0) names[kept++] = info->ppEnabledExtensionNames[i];
  for (VkBaseOutStructure* s = (VkBaseOutStructure*)info; s; s = s->pNext)
    while (s->pNext && s->pNext->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR) s->pNext = s->pNext->pNext;
  VkDeviceCreateInfo own = *info;
  own.enabledExtensionCount = kept;
  own.ppEnabledExtensionNames = names;
  return next_create_device(physical, &own, allocator, out);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_function(VkDevice device, const char* name) {
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)device_function;
  if (!strcmp(name, "vkCreateShaderModule")) return (PFN_vkVoidFunction)create_module;
  if (!strcmp(name, "vkCreateComputePipelines")) return (PFN_vkVoidFunction)create_pipelines;
  return next_device(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_function(VkInstance of, const char* name) {
  if (!strcmp(name, "vkGetInstanceProcAddr")) return (PFN_vkVoidFunction)instance_function;
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)device_function;
  if (!strcmp(name, "vkCreateInstance")) return (PFN_vkVoidFunction)create_instance;
  if (!strcmp(name, "vkCreateDevice")) return (PFN_vkVoidFunction)create_device;
  if (!strcmp(name, "vkEnumerateDeviceExtensionProperties")) return (PFN_vkVoidFunction)extensions;
  if (!strcmp(name, "vkGetPhysicalDeviceFeatures2") || !strcmp(name, "vkGetPhysicalDeviceFeatures2KHR")) return (PFN_vkVoidFunction)features;
  if (!strcmp(name, "vkGetPhysicalDeviceProperties2") || !strcmp(name, "vkGetPhysicalDeviceProperties2KHR")) return (PFN_vkVoidFunction)properties;
  if (!strcmp(name, "vkGetPhysicalDeviceProperties")) return (PFN_vkVoidFunction)plain_properties;
  if (!strcmp(name, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR")) return (PFN_vkVoidFunction)configurations;
  if (!strcmp(name, "vkCreateShaderModule")) return (PFN_vkVoidFunction)create_module;
  if (!strcmp(name, "vkCreateComputePipelines")) return (PFN_vkVoidFunction)create_pipelines;
  return next_instance ? next_instance(of, name) : NULL;
}

// Loaders that do not know the function ask here.
static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL physical_function(VkInstance of, const char* name) {
  if (!strcmp(name, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR")) return (PFN_vkVoidFunction)configurations;
  return next_physical ? next_physical(of, name) : NULL;
}

VKAPI_ATTR VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface* version) {
  version->loaderLayerInterfaceVersion = 2;
  version->pfnGetInstanceProcAddr = instance_function;
  version->pfnGetDeviceProcAddr = device_function;
  version->pfnGetPhysicalDeviceProcAddr = physical_function;
  return VK_SUCCESS;
}
